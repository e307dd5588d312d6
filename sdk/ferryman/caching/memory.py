"""Shared results that this process has had before, so that they are not downloaded again.

By digest, so that nothing in here can be out of date; as bytes, so that nobody changes another's value.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

MAX_RESULTS: Final = 1000
MAX_BYTES: Final = 64 * 1024**2


class ResultMemory:
    """The results used last, up to so many and so many bytes. Thread-safe."""

    def __init__(self, *, results: int = MAX_RESULTS, size: int = MAX_BYTES) -> None:
        self._most = results
        self._room = size
        self._size = 0
        self._blobs: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, sha256: str) -> bytes | None:
        """The blob with this digest, if it is here."""
        with self._lock:
            blob = self._blobs.get(sha256)
            if blob is not None:
                self._blobs.move_to_end(sha256)
            return blob

    def put(self, sha256: str, blob: bytes) -> None:
        """Remember a blob that was verified."""
        with self._lock:
            if len(blob) > self._room or sha256 in self._blobs:
                return
            self._blobs[sha256] = blob
            self._size += len(blob)
            while self._size > self._room or len(self._blobs) > self._most:
                self._size -= len(self._blobs.popitem(last=False)[1])


RESULTS: Final = ResultMemory()
"""Of this process."""
