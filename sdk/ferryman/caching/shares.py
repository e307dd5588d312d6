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
from ferryman.caching.records import Hit, Record
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

    `take`, and if that has nothing: compute within `computing()`, then `keep` or `give_up`.
    """

    store: Store
    namespace: str
    sharing: Sharing
    uid: str
    attempt: int
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _stale: Record | None = field(default=None, init=False)
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
            if (hit := self._look()) is not None or not self.sharing.exclusive:
                return hit
            try:
                if lock.acquire(self._stale.token if self._stale else ""):
                    self._lock = lock
                    # Whoever held it may have finished between our look and our taking it over.
                    return self._look_again() if lock.was_taken_over else None
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
        """Others wait while the block runs."""
        if self._lock is None:
            yield
            return
        with self._lock.renewed():
            yield

    def keep(self, hit: Hit) -> bool:
        """Share the result; whether it is the one that is shared now."""
        now, lasts = self.now(), self.sharing.expiration
        record = Record(
            hit,
            created=now,
            expires=None if lasts is None else now + lasts,
            token=self._lock.token if self._lock else "",
            material=self.sharing.material,
        )
        return self._entry.write(record, replace=self.sharing.refresh)

    def give_up(self) -> None:
        """There is no result: let another run compute it now."""
        if self._lock is not None:
            self._lock.release()

    @property
    def _entry(self) -> Entry:
        return Entry(self.store, self.namespace, self.sharing.key, now=self.now)

    def _look(self) -> Hit | None:
        self._stale = self._entry.read()
        return self._entry.usable(self._stale)

    def _look_again(self) -> Hit | None:
        hit = self._look()
        if hit is not None:
            self.give_up()
            self._lock = None
        return hit
