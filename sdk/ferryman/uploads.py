"""What this process has put into the store, and may put there."""

from __future__ import annotations

import threading
import time
from typing import Final

from ferryman.submission import Bundle
from ferryman.wire import conditional, keys
from ferryman.wire.codecs import Sealed
from ferryman.wire.store import Store

REMEMBER_SECONDS: Final = 3600.0
"""How long code counts as uploaded: a bucket's lifecycle rules may remove it some day."""


class Uploads:
    """Puts blobs into one store. Thread-safe."""

    def __init__(self, store: Store, *, trusts_store: bool) -> None:
        self._store = store
        self._trusts_store = trusts_store
        self._checking = threading.Lock()
        self._uploaded: dict[tuple[str, str], float] = {}

    def check(self, namespace: str) -> None:
        """Ask the store, once, whether it honours conditional writes. Raises StoreNotConditional."""
        # Before the first run, because a runner cannot tell by the one claim that it creates.
        with self._checking:
            if not self._trusts_store:
                conditional.check(self._store, namespace)
                self._trusts_store = True

    def put_code(self, namespace: str, code: Sealed) -> None:
        """Upload it, unless this process has done so lately."""
        # Content-addressed, so that writing it again is harmless: no HEAD is needed to find out.
        which = (namespace, code.sha256)
        uploaded = self._uploaded.get(which)
        if uploaded is None or time.monotonic() - uploaded > REMEMBER_SECONDS:
            self._store.put(keys.code(namespace, code.sha256), code.body)
            self._uploaded[which] = time.monotonic()

    def put_arguments(self, namespace: str, bundle: Bundle) -> None:
        """Upload them, if there are any."""
        if bundle.body:
            self._store.put(keys.arguments(namespace, bundle.sha256), bundle.body)
