"""The store's twin in memory, for tests and for trying things out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from ferryman.api.runner_contract import StoreLocation
from ferryman.exceptions import InvalidBlob, ObjectExists, ObjectNotFound


class MemoryStore:
    """A store whose objects live in this process. `requests` counts what was asked of it."""

    def __init__(self, location: StoreLocation | None = None) -> None:
        self.location = location or StoreLocation(bucket="memory")
        self.requests: Counter[str] = Counter()
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def objects(self) -> Mapping[str, bytes]:
        """A copy of what is stored, by key."""
        with self._lock:
            return dict(self._objects)

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        with self._lock:
            self.requests["get"] += 1
            body = self._objects.get(key)
        if body is None:
            raise ObjectNotFound(f"cannot get {key}: there is no such object")
        end = len(body) if size is None else offset + size
        if end > len(body) or offset > len(body):
            raise InvalidBlob(f"{key} has {len(body)} bytes, bytes {offset} to {end} were asked for")
        if limit is not None and end - offset > limit:
            raise InvalidBlob(f"{key} is larger than {limit} bytes")
        return body[offset:end]

    def put(self, key: str, body: bytes) -> None:
        with self._lock:
            self.requests["put"] += 1
            self._objects[key] = bytes(body)

    def create(self, key: str, body: bytes) -> None:
        with self._lock:
            self.requests["create"] += 1
            if key in self._objects:
                raise ObjectExists(f"cannot create {key}: there is an object already")
            self._objects[key] = bytes(body)
