"""From a run that has ended to its value, or to the exception that says why there is none."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from ferryman import endings
from ferryman.api.phases import Phase
from ferryman.caching.memory import RESULTS
from ferryman.exceptions import FerrymanError, ObjectNotFound, ResultExpired, StoreUnavailable, TaskFailed
from ferryman.patience import Patience
from ferryman.runs import Run, StoredResult
from ferryman.wire import codecs, envelope, failures, keys
from ferryman.wire.store import Store

_THREADS: Final = 8

_log = logging.getLogger("ferryman")


class Recipient(Protocol):
    """A future, as its delivery sees it."""

    trust_pickle: bool
    remembers: bool
    """Whether the outcome may be one that this process has had before."""

    def resolve(self, value: Any) -> None: ...

    def reject(self, error: BaseException) -> None: ...

    def delayed(self, why: str) -> None: ...


@dataclass(frozen=True)
class Delivery:
    """Fetches outcomes, one GET each. While the store does not answer it waits: the run has ended well."""

    store: Store
    patience: Patience = field(default_factory=Patience)

    def carry_out(self, recipient: Recipient, run: Run) -> None:
        """Bring the outcome of a run that has ended. Raises nothing."""
        try:
            value = self.value_of(run, recipient)
        except BaseException as error:  # noqa: BLE001 - it is the future's to tell
            recipient.reject(error)
        else:
            recipient.resolve(value)

    def value_of(self, run: Run, recipient: Recipient) -> Any:
        """What the function returned. Raises what it raised, or why the run has no value.

        The bytes are decoded only if they hash to the digest in the run's status.
        """
        if run.phase is not Phase.COMPLETED:
            raise self.exception_of(run, recipient)
        if run.result is None:
            raise ResultExpired(f"run {run.name} completed and its status names no result")
        blob = self._blob(run, run.result, recipient)
        return codecs.open_result(blob, trust_pickle=recipient.trust_pickle)

    def exception_of(self, run: Run, recipient: Recipient) -> BaseException:
        """The function's own exception where that ended the run, else Ferryman's, caused by it."""
        failure = endings.failure_of(run)
        if run.result is None:
            return failure
        try:
            blob = self._blob(run, run.result, recipient)
            original = failures.rebuild(failures.open_failure(blob), trust_pickle=recipient.trust_pickle)
        except FerrymanError as error:
            failure.add_note(f"The function's own exception cannot be had: {error}")
            return failure
        if run.reason not in endings.OWN_EXCEPTION:
            failure.__cause__ = original
            return failure
        if isinstance(original, TaskFailed):
            return TaskFailed(str(original), run=run.name, reason=run.reason, attempts=run.attempts)
        original.add_note(f"Raised in run {run.name}, attempt {run.result.attempt}.")
        if isinstance(original, ModuleNotFoundError):
            original.add_note("The image of the run does not have this module: install it there.")
        return original

    def _blob(self, run: Run, ref: StoredResult, recipient: Recipient) -> bytes:
        if recipient.remembers and (known := RESULTS.get(ref.sha256)) is not None:
            return known
        key = keys.result(run.namespace, ref.uid or run.uid, ref.attempt)
        fetch = partial(self.store.get, key, limit=ref.size)
        what = f"run {run.name} has ended, and its outcome cannot be fetched"
        try:
            blob = self.patience.call(fetch, StoreUnavailable, what, recipient.delayed)
        except ObjectNotFound as error:
            raise ResultExpired(f"the result of run {run.name} is gone from the store: {error}") from None
        envelope.verify(blob, ref.sha256, ref.size)
        if recipient.remembers:
            RESULTS.put(ref.sha256, blob)
        return blob


class Courier:
    """A few daemon threads that fetch results: a process that ends does not wait for them."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._idle = 0

    def send(self, work: Callable[[], None]) -> None:
        """Do `work` soon, in another thread. It must not raise."""
        with self._lock:
            if self._idle <= self._work.qsize() and self._started < _THREADS:
                self._started += 1
                threading.Thread(target=self._loop, name="ferryman-results", daemon=True).start()
        self._work.put(work)

    def _loop(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
            try:
                work()
            except Exception:  # noqa: BLE001 - the next one is still to be delivered
                _log.exception("a result could not be delivered")
            # Nothing may keep a future, and its value, alive while the thread waits for more.
            del work
