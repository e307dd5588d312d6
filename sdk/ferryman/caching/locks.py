"""Who of many computes the result of a key: a lease in the store.

The lock is an object beside the record, created conditionally, whose body names its holder by a token
and says until when it holds; the holder renews it. A lock that is over is taken by creating
`<lock>.<token of that holder>`, which only one can, and then put in its place. So of any number
that find a lock over, one takes it, without anything that a store could not do but `If-None-Match: *`.

It saves work and guards nothing: who finds the store down, or a lock too old, computes by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from ferryman.exceptions import FerrymanError, ObjectExists, ObjectNotFound
from ferryman.wire.store import Store

LEASE_SECONDS: Final = 60.0
RENEW_SECONDS: Final = 15.0
MAX_BYTES: Final = 4096
MAX_LINKS: Final = 16
"""How many takeovers that nobody completed are followed before one gives up waiting for them."""

_TOKEN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Holder:
    """The body of a lock. `until` is in seconds since the epoch."""

    token: str
    uid: str
    attempt: int
    until: float


class Lock:
    """One process's try at the lock of a key. `path` is the record's key in the store."""

    def __init__(
        self, store: Store, path: str, *, uid: str, attempt: int, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._base = f"{path}.lock"
        self._uid = uid
        self._attempt = attempt
        self._now = now
        self.token: Final = os.urandom(16).hex()
        self.was_taken_over = False
        """Whether somebody else had it before."""

    def acquire(self) -> bool:
        """Whether we hold the lock now: one PUT if it is free, and a GET if it is not. Raises StoreError."""
        place = self._base
        for _ in range(MAX_LINKS):
            held = self._create_or_read(place)
            if held is None or held.token == self.token:
                if place != self._base:
                    self.was_taken_over = True
                    self._store.put(self._base, self._body())
                return True
            # An earlier attempt of our own run is over: the operator has seen it end.
            if held.until > self._now() and held.uid != self._uid:
                return False
            place = f"{self._base}.{held.token}"
        return False

    def release(self) -> None:
        """We have ended, well or badly: nobody has to wait any longer. Never raises."""
        try:
            if self._is_ours():
                self._store.put(self._base, self._body(until=0.0))
        except FerrymanError:
            return

    def renew(self) -> bool:
        """Hold it for longer; False if somebody else has taken it. Raises StoreError."""
        if not self._is_ours():
            return False
        self._store.put(self._base, self._body())
        return True

    @contextmanager
    def renewed(self, every: float = RENEW_SECONDS) -> Iterator[None]:
        """Renew it within the block, in a thread."""
        done = threading.Event()
        thread = threading.Thread(
            target=self._keep, args=(done, every), name="ferryman-cache-lock", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            done.set()
            # A renewal that is under way would undo the release that follows.
            thread.join()

    def _keep(self, done: threading.Event, every: float) -> None:
        while not done.wait(every):
            try:
                if not self.renew():
                    return
            except FerrymanError:
                continue

    def _is_ours(self) -> bool:
        held = self._read(self._base)
        return held is not None and held.token == self.token

    def _create_or_read(self, place: str) -> Holder | None:
        try:
            self._store.create(place, self._body())
        except ObjectExists:
            return self._read(place)
        return None

    def _read(self, place: str) -> Holder | None:
        try:
            return _decoded(self._store.get(place, limit=MAX_BYTES))
        except ObjectNotFound:
            return None

    def _body(self, until: float | None = None) -> bytes:
        end = self._now() + LEASE_SECONDS if until is None else until
        return json.dumps(asdict(Holder(self.token, self._uid, self._attempt, end))).encode()


def _decoded(body: bytes) -> Holder:
    """The holder; of bytes that name none, one whose time is over."""
    try:
        fields = json.loads(body)
        held = Holder(
            str(fields["token"]), str(fields["uid"]), int(fields["attempt"]), float(fields["until"])
        )
        if _TOKEN.fullmatch(held.token):
            return held
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        pass
    return Holder(hashlib.sha256(body).hexdigest()[:32], "", 0, 0.0)
