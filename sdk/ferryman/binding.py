"""Calls, bound to a function's signature before anything is sent. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ferryman.exceptions import ParameterBindError, ReservedArgumentError

RESERVED: Final = ("wait_for", "return_state")
"""Keywords of `submit` and `map` themselves."""


@dataclass(frozen=True)
class Call:
    """Arguments that fit the function; `parameters` are the same by name, defaults included."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    parameters: Mapping[str, Any]


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The function's signature. Raises ReservedArgumentError if a parameter has a name of our own."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        signature = ANYTHING
    taken = [name for name in RESERVED if name in signature.parameters]
    if taken:
        raise ReservedArgumentError(
            f"{taken[0]!r} is an argument of every call of a task; rename the parameter"
        )
    return signature


def bind(signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """The call, with its defaults named. Raises ParameterBindError with Python's own words."""
    return call_of(bound(signature, name, args, kwargs))


def bound(
    signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """The arguments by name, without defaults. Raises ParameterBindError with Python's own words."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ParameterBindError(f"{name}(): {error}") from None


def by_name(
    signature: inspect.Signature, parameters: Mapping[str, Any], *, skip: int = 0
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments from values by name, the first `skip` parameters left out.

    A name that is no parameter is a keyword argument: whether one is welcome, binding tells.
    """
    rest, more = dict(parameters), {}
    args: list[Any] = []
    without_gap = True
    for name, parameter in list(signature.parameters.items())[skip:]:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(rest.pop(name, ()))
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            more.update(rest.pop(name, {}))
        elif name not in rest:
            without_gap = False
        elif without_gap and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            args.append(rest.pop(name))
    return tuple(args), {**rest, **more}


def call_of(found: inspect.BoundArguments) -> Call:
    """The call with these arguments."""
    bare = Call(found.args, found.kwargs, {})
    found.apply_defaults()
    return Call(bare.args, bare.kwargs, dict(found.arguments))


def _anything(*args: Any, **kwargs: Any) -> None:
    """The signature of what has none."""


ANYTHING: Final = inspect.signature(_anything)
"""Of builtins that do not tell theirs: they are called with whatever is given."""
