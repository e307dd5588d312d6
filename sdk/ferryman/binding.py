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
        # Some builtins do not tell theirs; they are called with whatever is given.
        signature = inspect.signature(_anything)
    taken = [name for name in RESERVED if name in signature.parameters]
    if taken:
        raise ReservedArgumentError(
            f"{taken[0]!r} is an argument of submit() and map(); rename the parameter"
        )
    return signature


def bind(signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """The call, with its defaults named. Raises ParameterBindError with Python's own words."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ParameterBindError(f"{name}(): {error}") from None
    bare = Call(bound.args, bound.kwargs, {})
    bound.apply_defaults()
    return Call(bare.args, bare.kwargs, dict(bound.arguments))


def _anything(*args: Any, **kwargs: Any) -> None:
    """The signature of what has none."""
