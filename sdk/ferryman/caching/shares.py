"""One attempt at a shared result: take the one that is there, or compute it while others wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ferryman.caching.entries import Entry
from ferryman.caching.locks import Lock
from ferryman.caching.records import Hit
from ferryman.caching.sharing import Sharing
from ferryman.exceptions import FerrymanError
from ferryman.wire.store import Store

FIRST_LOOK: Final = 0.2
LONGEST_BETWEEN_LOOKS: Final = 3.0
"""Seconds between looks for a result that another run computes: they grow from the one to the other."""

_log: Final = logging.getLogger("ferryman")


@dataclass
class Share:
    """The result of a key, from the side of a run that may compute it.

    `take`, and if that has nothing: compute within `computing()`, and there `keep` what is to be shared.
    """

    store: Store
    namespace: str
    sharing: Sharing
    uid: str
    attempt: int
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _lock: Lock | None = field(default=None, init=False)

    def take(self, *, until: float | None = None) -> Hit | None:
        """The result that is there, or that another run is computing: waited for, at most until then.

        None means: compute it. Raises nothing for the store's sake.
        """
        if self.sharing.refresh:
            return None
        lock = Lock(self.store, self._entry.path, uid=self.uid, attempt=self.attempt, now=self.now)
        pause = FIRST_LOOK
        while True:
            if (hit := self._entry.find()) is not None or not self.sharing.exclusive:
                return hit
            try:
                if lock.acquire():
                    return self._holding(lock)
            except FerrymanError as error:
                _log.warning("the result is computed without a lock, which cannot be had: %s", error)
                return None
            if until is not None and self.now() + pause > until:
                _log.warning("another run still computes the same result; it is computed here, too")
                return None
            self.sleep(pause)
            pause = min(pause * 1.5, LONGEST_BETWEEN_LOOKS)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Others wait while the block runs, and no longer: at its end they take what was kept, or compute."""
        if self._lock is None:
            yield
            return
        try:
            with self._lock.renewed():
                yield
        finally:
            self._lock.release()

    def keep(self, hit: Hit) -> None:
        """Share the result, unless another is shared by now."""
        self._entry.write(self.sharing.record(hit, self.now()), replace=self.sharing.refresh)

    @property
    def _entry(self) -> Entry:
        return Entry(self.store, self.namespace, self.sharing.key, now=self.now)

    def _holding(self, lock: Lock) -> Hit | None:
        """The result of whoever had the lock before us and ended since we looked; else the lock is ours."""
        if lock.was_taken_over and (hit := self._entry.find()) is not None:
            lock.release()
            return hit
        self._lock = lock
        return None
