"""What the store has under a cache key: found, and written.

Nothing here raises for what the store holds or does: a record that cannot be had is a miss, one
that cannot be written is a result that is not shared. Both are logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ferryman.caching import records
from ferryman.caching.policies import object_key
from ferryman.caching.records import Hit, Record
from ferryman.exceptions import FerrymanError, InvalidBlob, ObjectExists, ObjectNotFound
from ferryman.wire import envelope, keys
from ferryman.wire.store import Store

_log: Final = logging.getLogger("ferryman")


@dataclass(frozen=True)
class Entry:
    """The place of one key in a namespace. `now` gives seconds since the epoch."""

    store: Store
    namespace: str
    key: str
    now: Callable[[], float] = time.time

    @property
    def path(self) -> str:
        """The record's key in the store, made of the digest of the cache key, which may be any text."""
        return keys.cached(self.namespace, object_key(self.key))

    def read(self) -> Record | None:
        """The record, whether or not it still counts; None if there is none that can be read."""
        try:
            return records.decode(self.store.get(self.path, limit=records.MAX_BYTES))
        except ObjectNotFound:
            return None
        except FerrymanError as error:
            _log.warning("a cache record counts as missing: %s", error)
            return None

    def find(self) -> Hit | None:
        """Where the result is, if there is one that counts and its blob is still there."""
        record = self.read()
        if record is None or not record.is_valid(self.now()):
            return None
        hit = record.hit
        try:
            begin = self.store.get(
                keys.result(self.namespace, hit.uid, hit.attempt), size=len(envelope.MAGIC)
            )
        except (ObjectNotFound, InvalidBlob):
            return None
        except FerrymanError as error:
            _log.warning("a cached result counts as missing: %s", error)
            return None
        return hit if begin == envelope.MAGIC else None

    def write(self, record: Record, *, replace: bool) -> None:
        """Share a result. Unless `replace`, a record that counts already stays: the first to finish wins."""
        body = records.encode(record)
        try:
            if not replace:
                try:
                    self.store.create(self.path, body)
                except ObjectExists:
                    replace = self.find() is None
            if replace:
                self.store.put(self.path, body)
        except FerrymanError as error:
            _log.warning("a result is not shared, as its cache record cannot be written: %s", error)
