"""Stopping a function that takes too long.

In the main thread a signal interrupts it, also in a blocking call. In other threads, and on systems
without such signals, it runs in a thread of its own, which is left behind at its timeout, with an
exception that reaches it when the blocking call returns. A coroutine is cancelled where it awaits.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar

from ferryman.exceptions import TaskRunTimeoutError

T = TypeVar("T")


@dataclass(eq=False)
class _Limit:
    """How long a function may run. `rang`: it took longer. `is_over`: it has ended."""

    seconds: float
    deadline: float
    rang: bool = False
    is_over: bool = False

    def exceeded(self) -> TaskRunTimeoutError:
        return TaskRunTimeoutError(f"the task ran longer than its timeout of {self.seconds:g} s")


class _Alarm(BaseException):
    """Raised in a function at its timeout. No `Exception`, so that few functions catch it."""

    def __init__(self, limit: _Limit | None = None) -> None:
        super().__init__()
        self.limit = limit


def call_within(seconds: float | None, function: Callable[[], T], of: float | None = None) -> T:
    """What the function returns. Raises TaskRunTimeoutError after `seconds`, the rest `of` a timeout."""
    if seconds is None:
        return function()
    limit = _Limit(of or seconds, time.monotonic() + seconds)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and hasattr(signal, "setitimer"):
        return _interrupted(limit, function)
    return _left_behind(limit, function)


async def wait_within(seconds: float | None, awaitable: Awaitable[T], of: float | None = None) -> T:
    """What the awaitable returns. Raises TaskRunTimeoutError after `seconds`, at its next `await`."""
    # Deferred: asyncio costs 30 ms, and few tasks are async.
    import asyncio  # noqa: PLC0415

    try:
        async with asyncio.timeout(seconds) as limit:
            return await awaitable
    except TimeoutError as error:
        if seconds is None or not limit.expired():
            raise
        place = error.__cause__.__traceback__ if error.__cause__ else None
        raise _Limit(of or seconds, 0).exceeded().with_traceback(place) from None


# ---- in the main thread

_limits: Final[list[_Limit]] = []
"""Of the tasks that the main thread is in, outermost first: there is one timer for all of them."""


def _interrupted(limit: _Limit, function: Callable[[], T]) -> T:
    restore = _hold_timer() if not _limits else _set_timer
    _limits.append(limit)
    try:
        _set_timer()
        try:
            value = function()
        finally:
            limit.is_over = True
    except BaseException as error:
        if not limit.rang or (isinstance(error, _Alarm) and error.limit is not limit):
            raise
        exceeded = limit.exceeded().with_traceback(_where_it_was(error.__traceback__))
        raise exceeded from (None if isinstance(error, _Alarm) else error)
    finally:
        _limits.remove(limit)
        restore()
    if limit.rang:
        # The function has caught the alarm and gone on.
        raise limit.exceeded()
    return value


def _where_it_was(trace: TracebackType | None) -> TracebackType | None:
    last = trace
    while last and last.tb_next and last.tb_next.tb_frame.f_code is not _ring.__code__:
        last = last.tb_next
    if last:
        last.tb_next = None
    return trace


def _hold_timer() -> Callable[[], None]:
    """Take the process's timer; what gives it back, with what it had left."""
    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, _ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)

    def give_back() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            # Not 0, which would turn it off: what was due meanwhile is due now.
            remaining = max(left - (time.monotonic() - began), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, remaining, interval)

    return give_back


def _set_timer() -> None:
    waiting = [limit.deadline for limit in _limits if not limit.is_over and not limit.rang]
    if waiting:
        signal.setitimer(signal.ITIMER_REAL, max(min(waiting) - time.monotonic(), 1e-6))


def _ring(*_: object) -> None:
    now = time.monotonic()
    late = [one for one in _limits if one.deadline <= now and not one.is_over and not one.rang]
    if late:
        late[0].rang = True
        raise _Alarm(late[0])
    _set_timer()


# ---- elsewhere


def _left_behind(limit: _Limit, function: Callable[[], T]) -> T:
    outcome: list[tuple[Any, BaseException | None]] = []

    def execute() -> None:
        try:
            outcome.append((function(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for.
            outcome.append((None, error))

    thread = threading.Thread(target=copy_context().run, args=(execute,), name="ferryman-task", daemon=True)
    thread.start()
    thread.join(max(limit.deadline - time.monotonic(), 0))
    if not outcome:
        _raise_in(thread)
        raise limit.exceeded()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def _raise_in(thread: threading.Thread) -> None:
    import ctypes  # noqa: PLC0415 - for those few that time out.

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Alarm))
