"""Values in the place of futures, for a task that is called here."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from ferryman.annotations import allow_failure, unmapped
from ferryman.exceptions import UpstreamTaskError
from ferryman.nesting import futures_in, is_future

T = TypeVar("T")


def resolved(value: T) -> T:
    """`value` with the results of the futures in its lists, tuples, sets and dicts.

    Containers without futures are returned as they are. Raises UpstreamTaskError, with the
    upstream's exception as its cause, where one has failed and is not under `allow_failure`.
    """
    return cast("T", _resolved(value, allowed=False))


def _resolved(value: Any, *, allowed: bool) -> Any:
    if isinstance(value, allow_failure):
        return _resolved(value.value, allowed=True)
    if isinstance(value, unmapped):
        return _resolved(value.value, allowed=allowed)
    if is_future(value):
        return _result(value, allowed=allowed)
    if type(value) in (list, tuple, set, frozenset):
        inner = [_resolved(one, allowed=allowed) for one in value]
        return value if all(a is b for a, b in zip(inner, value, strict=True)) else type(value)(inner)
    if type(value) is dict and next(futures_in(value), None) is not None:
        return {
            _resolved(key, allowed=allowed): _resolved(one, allowed=allowed) for key, one in value.items()
        }
    return value


def _result(future: Any, *, allowed: bool) -> Any:
    found = future.result(raise_on_failure=False)
    if not isinstance(found, BaseException) or allowed or future.exception_or_none() is None:
        return found
    raise UpstreamTaskError(
        f"upstream run {future.name} did not complete: {found}", run=future.name
    ) from found
