"""Fan-out and fan-in: a thousand pods throw darts, one adds up.

    ferryman dev run examples/fan_out.py [PODS]

The items are read lazily. All calls of a map share one argument object in the store, and the runs are
created some at a time, so that `map` starts at once and a thousand items cost little here. `add_up` gets
the list of futures: it waits in the cluster for all of them, and reads their results from the store.

It prints, with its 1,000 pods:

    1000 pods threw 100000000 darts
    pi is about 3.14...
"""

from __future__ import annotations

import random
import sys

from ferryman import task

DARTS = 100_000


@task(retries=1, ttl="1h")
def throw(seed: int, darts: int = DARTS) -> int:
    """How many of the darts hit the quarter of a circle."""
    dice = random.Random(seed)
    return sum(dice.random() ** 2 + dice.random() ** 2 < 1 for _ in range(darts))


@task
def add_up(hits: list[int]) -> float:
    """What that makes of pi."""
    return 4 * sum(hits) / (DARTS * len(hits))


def main() -> None:
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    hits = throw.map(range(pods))
    pi = add_up.submit(hits)
    hits.wait()  # A terminal shows how far they are.
    print(f"{pods} pods threw {pods * DARTS} darts")
    print(f"pi is about {pi.result():.3f}")


if __name__ == "__main__":
    main()
