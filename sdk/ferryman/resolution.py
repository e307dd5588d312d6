"""Values in the place of futures and states, for a task that is called here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.exceptions import UpstreamTaskError
from ferryman.nesting import inside, is_future
from ferryman.states import State

T = TypeVar("T")


def resolved(value: T) -> T:
    """`value` with the results of the futures and states in its collections and dataclasses.

    What holds none is returned as it is; what is quoted is not looked into. Raises
    UpstreamTaskError, with the upstream's exception as its cause, where one has not completed
    and is not under `allow_failure`.
    """
    return cast("T", _resolved(value, allowed=False, path=frozenset()))


def settled(value: T) -> T:
    """`value` with the results of the states in it that are from here; futures stay, nothing is waited for.

    Raises UpstreamTaskError as `resolved` does.
    """
    return cast("T", _settled(value, allowed=False, path=frozenset()))


def outcome_of(value: T) -> T:
    """`value` with the results of the futures in it, once all of them are done. Blocks.

    Raises what the first of them, in order, has failed with, unless it is under `allow_failure`.
    What holds no future, but states say, is returned as it is.
    """
    found = list(_futures(value, allowed=False, path=frozenset()))
    if not found:
        return value
    for future, _ in found:
        future.wait()
    for future, allowed in found:
        future.result(raise_on_failure=not allowed)
    return resolved(value)


def _futures(value: Any, *, allowed: bool, path: frozenset[int]) -> Iterator[tuple[Any, bool]]:
    if isinstance(value, allow_failure | unmapped):
        yield from _futures(value.value, allowed=allowed or isinstance(value, allow_failure), path=path)
    elif is_future(value):
        yield value, allowed
    elif not isinstance(value, quote | State) and id(value) not in path:
        for one in inside(value):
            yield from _futures(one, allowed=allowed, path=path | {id(value)})


def _resolved(value: Any, *, allowed: bool, path: frozenset[int]) -> Any:
    if isinstance(value, quote):
        return value.value
    if isinstance(value, allow_failure | unmapped):
        return _resolved(value.value, allowed=allowed or isinstance(value, allow_failure), path=path)
    if is_future(value):
        return _result_of_future(value, allowed=allowed)
    if isinstance(value, State):
        return _result_of_state(value, allowed=allowed)
    return _rebuilt(value, partial(_resolved, allowed=allowed), path)


def _settled(value: Any, *, allowed: bool, path: frozenset[int]) -> Any:
    if isinstance(value, quote) or is_future(value):
        return value
    if isinstance(value, allow_failure):
        return allow_failure(_settled(value.value, allowed=True, path=path))
    if isinstance(value, unmapped):
        return _settled(value.value, allowed=allowed, path=path)
    if isinstance(value, State):
        return value.source if is_future(value.source) else _result_of_state(value, allowed=allowed)
    return _rebuilt(value, partial(_settled, allowed=allowed), path)


def _rebuilt(value: Any, change: Callable[..., Any], path: frozenset[int]) -> Any:
    """The collection or dataclass with its elements changed; itself, if none has. `path` is around it."""
    if id(value) in path:
        return value
    before = list(inside(value))
    after = [change(one, path=path | {id(value)}) for one in before]
    if all(one is other for one, other in zip(before, after, strict=True)):
        return value
    if isinstance(value, dict):
        half = len(before) // 2
        return dict(zip(after[:half], after[half:], strict=True))
    if is_dataclass(value):
        names = [one.name for one in fields(value)]
        return replace(value, **dict(zip(names, after, strict=True)))  # type: ignore[type-var]
    if hasattr(value, "_fields"):
        return type(value)(*after)
    # Of a list of our own, or of the caller's, nothing is known but that it is a list.
    kind = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
    return kind(after)


def _result_of_future(future: Any, *, allowed: bool) -> Any:
    found = future.result(raise_on_failure=False)
    if not isinstance(found, BaseException) or allowed or future.exception_or_none() is None:
        return found
    raise UpstreamTaskError(
        f"upstream run {future.name} did not complete: {found}", run=future.name
    ) from found


def _result_of_state(state: State, *, allowed: bool) -> Any:
    if state.is_completed() or (allowed and state.is_final()):
        return state.result(raise_on_failure=False)
    cause = state.result(raise_on_failure=False) if state.is_final() else None
    raise UpstreamTaskError(f"an upstream did not complete, it is {state}") from cause
