"""A parameter sweep: gradient descent with every pair of step size and momentum, one pod for each.

    ferryman dev run examples/parameter_sweep.py

Some pairs diverge. `return_exceptions` leaves their exception in the place of the result, so that one
bad pair does not cost the others.

It prints:

    step   momentum  distance
    0.001  0.0       0.89
    0.001  0.8       0.29
    0.002  0.0       0.64
    0.002  0.8       0.09
    1.0    0.0       diverged in step 3
    1.0    0.8       diverged in step 3
    best: step 0.002, momentum 0.8
"""

from __future__ import annotations

import math
from itertools import product

from ferryman import task

STEPS = (0.001, 0.002, 1.0)
MOMENTA = (0.0, 0.8)


class Diverged(Exception):
    """The parameters are no good."""


@task
def descend(step: float, momentum: float, iterations: int = 500) -> float:
    """How far from the minimum of Rosenbrock's function, at (1, 1), the descent from (0, 0) ends."""
    x, y, dx, dy = 0.0, 0.0, 0.0, 0.0
    for iteration in range(iterations):
        if abs(x) > 1e6:
            raise Diverged(f"diverged in step {iteration}")
        dx = momentum * dx - step * (400 * x * (x * x - y) - 2 * (1 - x))
        dy = momentum * dy - step * 200 * (y - x * x)
        x, y = x + dx, y + dy
    return math.hypot(x - 1, y - 1)


def main() -> None:
    pairs = list(product(STEPS, MOMENTA))
    steps, momenta = zip(*pairs, strict=True)
    found = descend.map(steps, momenta).result(return_exceptions=True)

    print("step   momentum  distance")
    for (step, momentum), distance in zip(pairs, found, strict=True):
        told = distance if isinstance(distance, Diverged) else f"{distance:.2f}"
        print(f"{step:<7}{momentum:<10}{told}")

    good = [pair for pair in zip(found, pairs, strict=True) if isinstance(pair[0], float)]
    _, (step, momentum) = min(good)
    print(f"best: step {step}, momentum {momentum}")


if __name__ == "__main__":
    main()
