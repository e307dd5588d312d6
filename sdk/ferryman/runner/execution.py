"""Finding the function, calling it, and asking it whether to try again."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ferryman.exceptions import InvalidBlob
from ferryman.runner import output

Function = Callable[..., Any]


def load_entrypoint(path: str) -> Function:
    """The function at `module:attribute.attribute`; of a task, the function it wraps.

    Raises InvalidBlob, and what importing the module raises (ModuleNotFoundError, say).
    """
    module, _, attributes = path.partition(":")
    if not module or not attributes:
        raise InvalidBlob(f"the entrypoint {path!r} is not of the form module:function")
    found: Any = importlib.import_module(module)
    for name in attributes.split("."):
        if not hasattr(found, name):
            raise InvalidBlob(f"the entrypoint {path!r} does not exist: there is no {name!r}")
        found = getattr(found, name)
    return unwrapped(found)


def unwrapped(found: Any) -> Function:
    """The function of a task (its `fn`), or the callable itself. Raises InvalidBlob if it is none."""
    inner = None if inspect.isroutine(found) or inspect.isclass(found) else getattr(found, "fn", None)
    function = inner if callable(inner) else found
    if not callable(function):
        raise InvalidBlob(f"{type(found).__name__} cannot be called")
    return function  # type: ignore[no-any-return]


def require_call(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises InvalidBlob if the function cannot be called with these arguments."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # Builtins may have none; the call itself will tell.
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidBlob(f"the function cannot be called so: {error}") from None


def call(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What the function returns. Coroutines are run, generators become lists. Raises what it raises."""
    value = function(*args, **kwargs)
    if inspect.isgenerator(value):
        return list(value)
    if inspect.iscoroutine(value):
        return _run(value)
    if inspect.isasyncgen(value):
        return _run(_collected(value))
    return value


def wants_retry(condition: Function, exc: BaseException) -> bool:
    """The retry condition's answer. One that raises is logged and means no."""
    try:
        answer = condition(exc)
        return bool(_run(answer) if inspect.iscoroutine(answer) else answer)
    except Exception:  # noqa: BLE001 - whatever the user's condition raises.
        output.complain(f"the retry condition raised; the run is not tried again:\n{traceback.format_exc()}")
        return False


def _run(coroutine: Any) -> Any:
    import asyncio  # noqa: PLC0415 - it costs a third of a cold start, and few functions need it.

    return asyncio.run(coroutine)


async def _collected(generator: Any) -> list[Any]:
    return [item async for item in generator]
