"""A run as a future: a real `concurrent.futures.Future`, also of a run that another process submitted."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NoReturn, Protocol, TypeVar, cast

from ferryman import interactive
from ferryman.exceptions import CancelledRun, ConfigurationError, RunGone, UpstreamTaskError
from ferryman.runs import Run
from ferryman.states import State, StateType, state_of

if TYPE_CHECKING:
    from ferryman.gathering import TaskFutureList, as_completed, wait

__all__ = ["TaskFuture", "TaskFutureList", "as_completed", "wait"]

R = TypeVar("R")

SILENCE: Final = 30.0
"""Seconds after which a waiting caller is told that no operator has taken the run up."""

_log = logging.getLogger("ferryman")


class RunAccess(Protocol):
    """What a future needs of its client."""

    def cancel(self, namespace: str, name: str) -> None: ...

    def logs(self, run: Run, *, attempt: int | None, follow: bool) -> Iterator[str]: ...

    def deliver(self, future: TaskFuture[Any], run: Run) -> None:
        """Fetch the outcome in the background and resolve the future with it."""
        ...

    def hold(self, future: TaskFuture[Any]) -> None:
        """Keep the future alive until it is done, because somebody waits for its callback."""
        ...


class TaskFuture(concurrent.futures.Future[R], Generic[R]):
    """The outcome of a run, when it has one. Thread-safe.

    `result()` returns what the function returned or raises what it raised, with the remote
    traceback as its cause; failures of the infrastructure are the exceptions of
    `ferryman.exceptions`. Works with `concurrent.futures.wait`, `as_completed` and
    `asyncio.wrap_future`. A future may be dropped: the run goes on.
    """

    is_run_handle: ClassVar[bool] = True

    def __init__(self, access: RunAccess, namespace: str, name: str, *, trust_pickle: bool) -> None:
        super().__init__()
        self.namespace = namespace
        self.name = name
        """The TaskRun's name: what `ferryman.get_run(name)` takes."""
        self.trust_pickle = trust_pickle
        self.remembers = False
        """Whether its result is shared, and may be kept in this process for the next call of the same."""
        self._access = access
        self._run: Run | None = None
        self._delivering = False
        self._delayed = ""
        self._failed_create = False
        self._rolled_back: State | None = None
        self._cancelled_run: CancelledRun | None = None
        self._pid = os.getpid()

    # ---- the caller's side

    @property
    def task_run_id(self) -> str:
        """The TaskRun's UID; "" before it is known."""
        return "" if self._run is None else self._run.uid

    @property
    def run(self) -> Run | None:
        """The TaskRun as last seen."""
        return self._run

    @property
    def state(self) -> State:
        """Where the run is and why, as last seen. Never blocks."""
        if self._rolled_back is not None:
            return self._rolled_back
        state = state_of(self._run, self) if self._run else State(StateType.PENDING, "Pending")
        return replace(state, message=self._delayed) if self._delayed and not self.done() else state

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """What the function returned; raises what it raised, or why there is nothing.

        With `raise_on_failure=False` the exception is returned. Raises TimeoutError after
        `timeout` seconds; the run goes on. Ctrl-C leaves it running, too.
        """
        error = self._awaited_exception(timeout)
        if error is None:
            return super().result(0)
        if raise_on_failure:
            raise error
        return cast("R", error)

    def final_state(self, timeout: float | None = None) -> State:
        """The state in which the run ended, once it has, with its value or exception as `data`.

        A run that was deleted, or could not be created, has crashed. Raises TimeoutError after
        `timeout` seconds.
        """
        error = self._awaited_exception(timeout)
        if error is None:
            return replace(self.state, data=super().result(0))
        if not self.state.is_final():
            return State(StateType.CRASHED, message=str(error), data=error)
        return replace(self.state, data=error)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result()` would raise, or None. Raises CancelledRun if the run was cancelled."""
        error = self._awaited_exception(timeout)
        if isinstance(error, CancelledRun):
            raise error
        return error

    def exception_or_none(self) -> BaseException | None:
        """Why there is no value, once the run has ended; of a cancelled run the CancelledRun."""
        return self._awaited_exception(0) if self.done() else None

    def wait(self, timeout: float | None = None, *, stream_logs: bool = False) -> None:
        """Return when the run has ended, or after `timeout` seconds. Never raises for the run's sake.

        With `stream_logs` what its pods write appears on stdout meanwhile.
        """
        if stream_logs:
            interactive.wait([self], timeout, stream_logs=True)
        else:
            self._await(timeout)

    def running(self) -> bool:
        """Whether an attempt's pod runs."""
        return not self.done() and self.state.is_running()

    def cancel(self) -> bool:
        """Ask for the run to be stopped; False if it has ended already.

        The future is cancelled when the run is: the function may still complete before.
        """
        if self.done():
            return False
        self._access.cancel(self.namespace, self.name)
        return True

    def logs(self, *, follow: bool = False, attempt: int | None = None) -> Iterator[str]:
        """The lines that the pod of an attempt (the last, if not said) has written."""
        if self._run is None:
            raise RunGone(f"run {self.name} has not been created", run=self.name)
        return self._access.logs(self._run, attempt=attempt, follow=follow)

    def as_argument(self) -> R:
        """The future itself, typed as its value: pass it to another task's `submit` and keep the types."""
        return cast("R", self)

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn(future)` once the run has ended and its outcome is here."""
        if not self.done():
            self._access.hold(self)
        super().add_done_callback(fn)

    def require_run(self) -> None:
        """Raises UpstreamTaskError if the TaskRun could not be created."""
        if self._failed_create:
            raise UpstreamTaskError(
                f"run {self.name} was never created: {super().exception(0)}", run=self.name
            )

    def require_process(self) -> None:
        """Raises ConfigurationError where it could never be done, because another process waits for it."""
        if not self.done() and os.getpid() != self._pid:
            raise ConfigurationError(
                f"the future of run {self.name} belongs to the process that forked this one; "
                f"use ferryman.get_run({self.name!r}) here"
            )

    def __repr__(self) -> str:
        return f"<TaskFuture {self.name} {self.state}>"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the future of run {self.name} can travel only as an argument of submit() or map(); "
            "elsewhere pass its name and use ferryman.get_run"
        )

    # ---- the client's side

    def observe(self, run: Run) -> None:
        """The TaskRun has changed."""
        if self._run is not None and self._run.uid and run.uid != self._run.uid:
            # Deleted and created anew under the same name, while the watch was away.
            self.vanished()
            return
        with self._condition:
            # The reply to a create may come after the watch has told more.
            if self._run is not None and run.is_older_than(self._run):
                return
            self._run = run
        if not self._delivering:
            self._delayed = ""
        if run.is_over and not self._delivering and not self.done():
            self._delivering = True
            self._access.deliver(self, run)

    def rolled_back(self) -> None:
        """What the run did was taken back, by the transaction that it is a part of."""
        told = "what it did was rolled back, as its transaction has failed"
        self._rolled_back = State(StateType.COMPLETED, "RolledBack", told)

    def vanished(self) -> None:
        """The TaskRun was deleted; an outcome that is being fetched still counts."""
        if not self._delivering:
            self.reject(RunGone(f"run {self.name} was deleted before it had ended", run=self.name))

    def not_created(self, error: BaseException) -> None:
        """The TaskRun could not be created."""
        self._failed_create = True
        self.reject(error)

    def delayed(self, why: str) -> None:
        """The run cannot be created yet, or its outcome cannot be fetched yet."""
        self._delayed = why

    def resolve(self, value: R) -> None:
        """The function returned `value`."""
        if not self.done():
            self.set_result(value)

    def reject(self, error: BaseException) -> None:
        """There is no value, because of `error`."""
        if self.done():
            return
        # Where it was made is our business; where it was raised is in its cause.
        error.__traceback__ = None
        if isinstance(error, CancelledRun):
            self._cancelled_run = error
            super().cancel()
            self.set_running_or_notify_cancel()
        else:
            self.set_exception(error)

    def _awaited_exception(self, timeout: float | None) -> BaseException | None:
        if not self._await(timeout):
            raise TimeoutError(f"run {self.name} did not end within {timeout} seconds; it is {self.state}")
        if self.cancelled():
            return self._cancelled_run
        return super().exception(0)

    def _await(self, timeout: float | None) -> bool:
        self.require_process()
        require_timeout(timeout)
        try:
            if timeout is not None and timeout <= SILENCE:
                return self._done_within(timeout)
            began = time.monotonic()
            if self._done_within(SILENCE):
                return True
            self.tell_silence()
            return self._done_within(None if timeout is None else timeout - (time.monotonic() - began))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(
                f"run {self.name} goes on; future.cancel() or `ferryman cancel {self.name}` stops it"
            )
            raise

    def _done_within(self, timeout: float | None) -> bool:
        return bool(concurrent.futures.wait([self], timeout).done)

    def tell_silence(self) -> bool:
        """Warn if no operator has taken the run up so far; whether that is so."""
        silent = not self.done() and not self.state.reason
        if silent:
            _log.warning(
                "run %s: no operator has taken it up for %d s. Is Ferryman's operator running and watching "
                "namespace %s? `ferryman doctor` tells.",
                self.name,
                SILENCE,
                self.namespace,
            )
        return silent


def require_timeout(timeout: float | None) -> None:
    """Raises ValueError unless it is a length of time, or None."""
    # Written so that NaN is refused, too: one would wait for ever with it.
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout must not be negative: {timeout}")


def __getattr__(name: str) -> Any:
    # Prefect's users import these from here; they are made of futures, so they cannot be above.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("ferryman.gathering"), name)
