"""Numbers that were measured several times, and how far they can be trusted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

NOISY = 0.25
"""A spread from which a figure is called noisy: a quarter of the median."""


@dataclass(frozen=True)
class Samples:
    """The same quantity, measured again and again; at least once."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a figure needs at least one sample")

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far apart the least and the greatest are, as a part of the median; 0 of a single one."""
        width = max(self.values) - min(self.values)
        return width / abs(self.median) if width else 0.0

    @property
    def is_noisy(self) -> bool:
        return self.spread > NOISY


def of(values: Sequence[float]) -> Samples:
    return Samples(tuple(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Samples:
    """Each of ours by that of theirs which was measured right beside it. Raises ValueError if one is alone."""
    return Samples(tuple(one / other for one, other in zip(ours, theirs, strict=True)))


def in_alternation(
    bare: Callable[[], T], ours: Callable[[], U], pairs: int, *, has_time: Callable[[], bool] = lambda: True
) -> list[tuple[T, U]]:
    """bare, ours, bare, ours ...: what changes slowly on the machine then meets both.

    Stops after a pair, the first at the earliest, when there is no time for another.
    """
    found = [(bare(), ours())]
    while len(found) < pairs and has_time():
        found.append((bare(), ours()))
    return found
