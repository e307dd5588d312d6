"""Waiting for a coroutine where nothing else waits. Standard library only."""

from __future__ import annotations

import inspect
from typing import Any


def awaited(value: Any) -> Any:
    """The value itself; of an awaitable what it returns or raises, waited for here.

    Where an event loop runs already it cannot wait, so a thread does, with a loop of its own.
    """
    if not inspect.isawaitable(value):
        return value
    # Deferred: asyncio costs a third of a cold start, and few functions need it.
    import asyncio  # noqa: PLC0415

    async def wait() -> Any:
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415
    from contextvars import copy_context  # noqa: PLC0415

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, wait()).result()
