"""Marks on arguments: `unmapped`, `allow_failure`."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class unmapped(Generic[T]):  # noqa: N801 - reads as a word of the call, as in Prefect
    """An argument that every run of a map gets whole, though it is iterable."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"unmapped({self.value!r})"


class allow_failure(Generic[T]):  # noqa: N801 - reads as a word of the call, as in Prefect
    """A future (or a collection with futures) whose failure is no obstacle.

    The run starts however the upstream ended; a failed one arrives as its exception.
    """

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"allow_failure({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # In the pod the mark has done its work: what it marks arrives.
        return _itself, (self.value,)


def _itself(value: Any) -> Any:
    return value
