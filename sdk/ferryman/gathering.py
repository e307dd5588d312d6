"""Several futures at once: those of a map, waiting for some, and taking them as they end."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast, overload

from ferryman import interactive
from ferryman.futures import SILENCE, TaskFuture, require_timeout

R = TypeVar("R")
T = TypeVar("T")


class TaskFutureList(list[TaskFuture[R]], Generic[R]):
    """The futures of a map, in the order of its elements.

    Waiting for them shows them on a terminal and in a notebook (FERRYMAN_PROGRESS=off does not).
    Ctrl-C meanwhile cancels the runs that have not ended; a second Ctrl-C lets them go on.
    """

    @overload
    def result(
        self,
        timeout: float | None = None,
        raise_on_failure: bool = True,
        *,
        return_exceptions: Literal[False] = False,
        stream_logs: bool = False,
    ) -> list[R]: ...
    @overload
    def result(
        self,
        timeout: float | None = None,
        raise_on_failure: bool = True,
        *,
        return_exceptions: bool,
        stream_logs: bool = False,
    ) -> list[R | BaseException]: ...
    def result(
        self,
        timeout: float | None = None,
        raise_on_failure: bool = True,
        *,
        return_exceptions: bool = False,
        stream_logs: bool = False,
    ) -> Any:
        """All results, in order; the first failure in order is raised. `timeout` is for all of them.

        With `return_exceptions`, or `raise_on_failure=False`, the exception of a run that failed
        stands in its place. With `stream_logs` what the pods write appears on stdout. Raises
        TimeoutError; the runs go on then.
        """
        if not self._wait_all(timeout, stream_logs=stream_logs):
            waiting = sum(not future.done() for future in self)
            raise TimeoutError(f"{waiting} of {len(self)} runs did not end within {timeout} seconds")
        return [future.result(0, raise_on_failure and not return_exceptions) for future in self]

    def wait(self, timeout: float | None = None, *, stream_logs: bool = False) -> None:
        """Return when all have ended, or after `timeout` seconds."""
        self._wait_all(timeout, stream_logs=stream_logs)

    def cancel(self) -> int:
        """Ask for all that have not ended to be stopped; how many that are."""
        return interactive.cancel_all(self)

    def give_up(self, error: BaseException) -> None:
        """`map` was stopped by `error` half-way. Ctrl-C cancels what has been created; else it goes on."""
        created = [future for future in self if future.run is not None]
        for future in self:
            if future.run is None:
                future.not_created(error)
        if not created:
            return
        if isinstance(error, KeyboardInterrupt):
            error.add_note(
                f"{interactive.cancel_all(created)} runs of this map were created and are cancelled"
            )
        else:
            error.add_note(f"{len(created)} runs of this map had been created; they go on")

    def _wait_all(self, timeout: float | None, *, stream_logs: bool) -> bool:
        require_timeout(timeout)
        for future in self:
            future.require_process()
        with self._telling_silence(), interactive.cancelling(self):
            return interactive.wait(self, timeout, stream_logs=stream_logs)

    @contextmanager
    def _telling_silence(self) -> Iterator[None]:
        timer = threading.Timer(SILENCE, self._tell_silence)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell_silence(self) -> None:
        # Of a large map the last ones are looked at late, and that is no silence.
        if not any(future.done() or future.state.reason for future in self):
            any(future.tell_silence() for future in self)


Futures: TypeAlias = TaskFuture[Any] | TaskFutureList[Any] | list[TaskFuture[Any]]
"""What the types of calls take in place of any positional argument.

`future.as_argument()` goes anywhere, nested or by keyword, and keeps the type of the value.
"""


class DoneAndNotDone(NamedTuple):
    """What `wait` found."""

    done: set[TaskFuture[Any]]
    not_done: set[TaskFuture[Any]]


def wait(futures: Iterable[TaskFuture[Any]], timeout: float | None = None) -> DoneAndNotDone:
    """Which futures are done, once all are or `timeout` seconds are over, as `(done, not_done)` sets.

    Never raises for a run's sake; ask each future for its result. Shows them on a terminal meanwhile.
    """
    require_timeout(timeout)
    every = set(futures)
    interactive.wait(every, timeout)
    found = concurrent.futures.wait(every, 0)
    return DoneAndNotDone(
        cast("set[TaskFuture[Any]]", found.done), cast("set[TaskFuture[Any]]", found.not_done)
    )


def as_completed(futures: Iterable[TaskFuture[T]], timeout: float | None = None) -> Iterator[TaskFuture[T]]:
    """The futures in the order in which they end, failed ones included.

    Raises TimeoutError where some have not ended `timeout` seconds after the call; their runs go on.
    """
    require_timeout(timeout)
    return cast("Iterator[TaskFuture[T]]", concurrent.futures.as_completed(list(futures), timeout))
