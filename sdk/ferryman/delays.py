"""How long to wait before a retry: from what a task says to seconds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

MAX_DELAYS: Final = 50

Delays = float | Sequence[float] | Callable[[int], Sequence[float]] | None
"""Seconds before retry 1, 2, ...: one number for all, a list whose last entry repeats, or a
function of the number of retries that returns such a list."""


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Delays of `backoff_factor` times 1, 2, 4, 8, ... seconds, for `retry_delay_seconds`.

    Returns a function of the number of retries, which gives at most 50 delays; the last one repeats.
    """
    return _ExponentialBackoff(backoff_factor)


@dataclass(frozen=True)
class _ExponentialBackoff:
    # A class, for its repr and so that a task that holds it can be pickled by reference.
    factor: float

    def __call__(self, retries: int) -> list[float]:
        return [self.factor * 2.0**n for n in range(min(retries, MAX_DELAYS))]


def listed(source: Delays, retries: int) -> tuple[float, ...]:
    """The delays of so many retries; none where there is no delay. Asks a function once.

    Raises TypeError and ValueError for what are no delays, or more than MAX_DELAYS.
    """
    found: Any = source(retries) if callable(source) else source
    if found is None or found == 0:
        return ()
    each = [found] if isinstance(found, int | float) else list(found)
    if len(each) > MAX_DELAYS:
        raise ValueError(f"retry_delay_seconds has {len(each)} entries; at most {MAX_DELAYS} are possible")
    return tuple(seconds("retry_delay_seconds", one) for one in each)


def before_retry(delays: Sequence[float], number: int) -> float:
    """The delay before retry `number`, from 1: the last entry repeats, no entries mean none."""
    return delays[min(number, len(delays)) - 1] if delays else 0.0


def seconds(name: str, value: Any) -> float:
    """A finite number that is not negative. Raises TypeError and ValueError, naming the option."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{name} must not be negative nor infinite: {value}")
    return float(value)
