"""Results of calls in this process: kept in the store that is in use, or else in a folder.

The store is that of the client in use, of FERRYMAN_STORE_* or of the configuration file; without one
it is the folder FERRYMAN_LOCAL_STORAGE, by default `~/.local/share/ferryman`. Records and results are those
of submitted runs, so that each finds what the other has left.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from ferryman import settings
from ferryman.caching import effective, sharing
from ferryman.caching.memory import RESULTS
from ferryman.caching.records import Hit
from ferryman.caching.shares import Share
from ferryman.caching.sharing import Sharing
from ferryman.context import TaskRunContext
from ferryman.settings import KubeContext
from ferryman.transaction_tree import Kept
from ferryman.wire import codecs, envelope, keys
from ferryman.wire.folder import FolderStore
from ferryman.wire.formats import AUTO
from ferryman.wire.store import Store

FOLDER: Final = "FERRYMAN_LOCAL_STORAGE"

_log: Final = logging.getLogger("ferryman")


class ResultKeeper:
    """The result of one attempt, and where it is kept."""

    def __init__(self, share: Share, serializer: Any = AUTO, *, in_memory: bool = True) -> None:
        self._share = share
        self._serializer = serializer
        self._in_memory = in_memory
        self._hit: Hit | None = None
        self._computing = ExitStack()

    def find(self) -> Kept | None:
        """What is there already, or what somebody else computes meanwhile. Others wait from here on."""
        hit = self._share.take()
        if hit is not None:
            try:
                return Kept(self._open(hit))
            except Exception:  # noqa: BLE001 - whatever the blob, or unpickling it, does.
                _log.exception("a kept result cannot be read; it is computed anew")
        self._computing.enter_context(self._share.computing())
        return None

    def store(self, value: Any) -> None:
        """Put the value where its record will point to. Raises SerializationError, StoreError."""
        self._hit = self._stored(value)

    def write(self, value: Any) -> None:
        """Let others find the value. Raises what `store` does, if it has not been stored yet."""
        with self._computing:
            self._share.keep(self._hit or self._stored(value))

    def abandon(self) -> None:
        """There is nothing to find: let others compute it."""
        self._computing.close()

    def _stored(self, value: Any) -> Hit:
        share = self._share
        blob = codecs.seal_result(value, self._serializer)
        share.store.put(keys.result(share.namespace, share.uid, share.attempt), blob.body)
        if self._in_memory:
            RESULTS.put(blob.sha256, blob.body)
        return Hit(share.uid, share.attempt, blob.sha256, blob.size, blob.codec)

    def _open(self, hit: Hit) -> Any:
        share = self._share
        blob = RESULTS.get(hit.sha256)
        if blob is None:
            blob = share.store.get(keys.result(share.namespace, hit.uid, hit.attempt), limit=hit.size)
            envelope.verify(blob, hit.sha256, hit.size)
            if self._in_memory:
                RESULTS.put(hit.sha256, blob)
        # Who may write to the store may put a pickle there: docs/threat-model.md tells.
        return codecs.open_result(blob, trust_pickle=True)


def keeper_of_task(here: TaskRunContext) -> ResultKeeper | None:
    """The keeper of a call here; None where its result is not kept. Raises InvalidCacheKey."""
    flow = sharing.around()
    if not sharing.may_share(here.task, flow, os.environ):
        return None
    how = sharing.of_call(here, flow, os.environ)
    if how is None:
        return None
    options = here.task.options
    counts = effective.of_options(options)
    wanted = [getattr(counts.policy, "key_storage", None), options.result_storage]
    store, namespace = _place(next((one for one in wanted if hasattr(one, "put")), None))
    share = Share(store, namespace, how, here.task_run.id, here.task_run.run_count)
    return ResultKeeper(share, options.result_serializer, in_memory=options.cache_result_in_memory)


def keeper_of_key(key: str, store: Any, *, exclusive: bool, overwrite: bool) -> ResultKeeper:
    """The keeper of what a transaction stages under its key."""
    place, namespace = _place(store)
    how = Sharing(sharing.spec_key(key), refresh=overwrite, exclusive=exclusive, material=("transaction",))
    return ResultKeeper(Share(place, namespace, how, str(uuid.uuid4()), 1))


def default_store(environ: Mapping[str, str]) -> tuple[Store, str]:
    """The store and the namespace of calls here, as the environment and the configuration file say.

    Raises ConfigurationError where these are malformed.
    """
    if folder := environ.get(FOLDER):
        return FolderStore(folder), settings.DEFAULT_NAMESPACE
    config = settings.read_config(settings.config_path(environ))
    found = settings.resolve(environ, KubeContext("", ""), config)
    if found.store is None:
        home = Path(
            environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".local/share"
        )
        return FolderStore(home / "ferryman"), found.namespace.value
    from ferryman.connection import open_store  # noqa: PLC0415 - boto3 costs 300 ms.

    return open_store(found.store.value), found.namespace.value


_default: tuple[Store, str] | None = None
_lock: Final = threading.Lock()


def _place(store: Any) -> tuple[Store, str]:
    if store is not None:
        return store, settings.DEFAULT_NAMESPACE
    if (in_use := _in_use()) is not None:
        return in_use
    if FOLDER in os.environ:
        return default_store(os.environ)
    global _default  # noqa: PLW0603 - one connection per process is what users expect
    with _lock:
        if _default is None:
            _default = default_store(os.environ)
        return _default


def _in_use() -> tuple[Store, str] | None:
    from ferryman import client  # noqa: PLC0415 - a cycle otherwise: submitting asks for transactions.

    found = client.in_use()
    return None if found is None else (found.store, found.namespace)
