"""Where code that waits and code that awaits meet. Standard library only."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

_waiting: Final[ContextVar[Any]] = ContextVar("ferryman_waiting_loop", default=None)
"""The event loop that waits for this thread, if one does."""


def awaited(value: Any) -> Any:
    """The value itself; of an awaitable what it returns or raises, waited for here.

    It is awaited in the event loop that waits for this thread, if it was started by `in_thread`. Where
    an event loop runs in this thread it cannot wait, so a thread does, with a loop of its own.
    """
    if not inspect.isawaitable(value):
        return value
    # Deferred: asyncio costs a third of a cold start, and few functions need it.
    import asyncio  # noqa: PLC0415

    async def wait() -> Any:
        # The loop does not wait for what is started from here.
        _waiting.set(None)
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if (loop := _waiting.get()) is not None and not loop.is_closed():
            return asyncio.run_coroutine_threadsafe(wait(), loop).result()
        return asyncio.run(wait())
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    def alone() -> Any:
        _waiting.set(None)
        return asyncio.run(wait())

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, alone).result()


async def in_thread(function: Callable[[], T]) -> T:
    """What `function` returns or raises, called in a thread of its own, while this event loop goes on.

    What it hands to `awaited` is awaited in this loop. A cancelled caller hears no more of it.
    """
    import asyncio  # noqa: PLC0415
    import threading  # noqa: PLC0415
    from concurrent.futures import Future  # noqa: PLC0415

    context, outcome = copy_context(), Future[T]()
    context.run(_waiting.set, asyncio.get_running_loop())
    outcome.set_running_or_notify_cancel()

    def work() -> None:
        try:
            value = context.run(function)
        except BaseException as error:  # noqa: BLE001 - the caller's to handle.
            outcome.set_exception(error)
        else:
            outcome.set_result(value)

    # Not of the loop's own threads: all of these might wait for coroutines that need one.
    threading.Thread(target=work, name="ferryman-awaited", daemon=True).start()
    return await asyncio.wrap_future(outcome)
