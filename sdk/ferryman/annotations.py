"""Marks on arguments: `unmapped`, `allow_failure`, `quote`."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Mark(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # In the pod the mark has done its work: what it marks arrives.
        return _itself, (self.value,)


class unmapped(_Mark[T]):  # noqa: N801 - reads as a word of the call, as in Prefect
    """An argument that every run of a map gets whole, though it is iterable.

    `resize.map(images, unmapped([200, 400]))`. In `submit` and in a call it means nothing.
    """


class allow_failure(_Mark[T]):  # noqa: N801 - reads as a word of the call, as in Prefect
    """A future (or a collection with futures) whose failure is no obstacle.

    The run starts however the upstream ended; a failed one arrives as its exception.
    """


class quote(_Mark[T]):  # noqa: N801 - reads as a word of the call, as in Prefect
    """An argument that is passed as it is: futures in it are not looked for, and not waited for.

    A future in it can be passed to a task that is called here, and cannot travel to a pod.
    """

    def unquote(self) -> T:
        """What is quoted."""
        return self.value


def _itself(value: Any) -> Any:
    return value
