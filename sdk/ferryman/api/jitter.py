"""How a delay is spread: an exponential draw, truncated, that depends on nothing but its arguments."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta


def spread(delay: timedelta, factor: float, *, uid: str, attempt: int) -> timedelta:
    """A random length with mean about `delay`, from `bounds`; the same for the same run and attempt.

    The distribution is Prefect's: exponential with mean `delay`, cut so that as much of it
    lies below its median as above. A delay or factor of 0 is not spread.
    """
    mean = delay.total_seconds()
    if mean <= 0 or factor <= 0:
        return delay
    low, high = bounds(mean, factor)
    below, above = _distribution(low / mean), _distribution(high / mean)
    u = below + (above - below) * uniform(uid, attempt)
    draw = -mean * math.log(max(1 - u, 1e-10))
    return timedelta(seconds=min(max(draw, low), high))


def bounds(mean: float, factor: float) -> tuple[float, float]:
    """The least and the greatest draw, in the unit of `mean`."""
    k = 1 + factor
    # 1 - 2^-k is 1 to a float's precision long before 50; the logarithm is then 0.
    low = -mean * math.log2(1 - 2**-k) if k < 50 else 0.0
    return low, mean * k


def uniform(uid: str, attempt: int) -> float:
    """A number in [0, 1) that the run and the attempt decide: a restarted operator draws the same."""
    digest = hashlib.sha256(f"{uid}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _distribution(x: float) -> float:
    return 1 - math.exp(-x)
