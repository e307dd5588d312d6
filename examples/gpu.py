"""A GPU, if there is one: ask for it, see why the run waits, and do without.

    ferryman dev run examples/gpu.py

`gpu=1` is one `nvidia.com/gpu` for the pod. While no node has one free the run is Pending, with what the
scheduler says; `start_timeout` bounds that wait. `with_options` makes the same task for a pod without.

It prints, where there is no GPU:

    waiting: Unschedulable: ...Insufficient nvidia.com/gpu...
    no GPU within 5 seconds: Unschedulable
    on the CPU: [1.0, 4.0, 9.0]
"""

from __future__ import annotations

import time

from ferryman import TaskFuture, task
from ferryman.exceptions import RunCrashed


@task(gpu=1, start_timeout="5s", infrastructure_retries=0)
def squares(numbers: list[float]) -> list[float]:
    """On a GPU with the library of your choice; any will do for an example."""
    return [number * number for number in numbers]


def tell_why_it_waits(future: TaskFuture[list[float]]) -> None:
    """Print what keeps the run from starting, once that is known."""
    while not future.done():
        if "nvidia.com/gpu" in future.state.message:
            print(f"waiting: {future.state.message}")
            return
        time.sleep(0.1)


def main() -> None:
    numbers = [1.0, 2.0, 3.0]
    future = squares.submit(numbers)
    tell_why_it_waits(future)
    try:
        print(f"on the GPU: {future.result()}")
    except RunCrashed as error:
        print(f"no GPU within 5 seconds: {error.reason}")
        print(f"on the CPU: {squares.with_options(gpu=None).submit(numbers).result()}")


if __name__ == "__main__":
    main()
