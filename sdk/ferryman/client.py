"""The client: submits runs, finds them again, and brings their outcomes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from ferryman import connection, context, delivery, naming, submission
from ferryman.api import names
from ferryman.binding import Call
from ferryman.caching.sharing import Sharing
from ferryman.cluster import Cluster, Object
from ferryman.exceptions import (
    ClusterUnavailable,
    FerrymanError,
    MissingContextError,
    RunAlreadyExists,
    RunGone,
)
from ferryman.futures import TaskFuture, TaskFutureList
from ferryman.local_modules import local_modules
from ferryman.lookup import Lookup
from ferryman.patience import Patience
from ferryman.runs import Run, attempt_order, view
from ferryman.settings import Settings
from ferryman.submission import Bundle, Definition, Identity, Parent, SealedCall
from ferryman.watching import Watcher
from ferryman.wire import conditional, keys
from ferryman.wire.codecs import Sealed
from ferryman.wire.store import Store

CONNECTIONS: Final = 16
"""How many TaskRuns are created at the same time."""

REMEMBER_SECONDS: Final = 3600.0
"""How long code counts as uploaded: a bucket's lifecycle rules may remove it some day."""

CREATE_PATIENCE_SECONDS: Final = 600.0
"""How long an API server that has answered before may be away while a run is to be created."""

BATCH_CALLS: Final = 1000
BATCH_BYTES: Final = 64 * 1024**2
"""A map's arguments go into objects of at most so many calls and about so many bytes."""


@dataclass
class _Batch:
    """Calls of a map whose arguments go into one object."""

    calls: list[SealedCall] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.calls) >= BATCH_CALLS or self.size >= BATCH_BYTES


class Client:
    """Ferryman in one namespace of one cluster. Thread-safe. As a context manager it is the current one."""

    def __init__(
        self, cluster: Cluster, store: Store, *, namespace: str, settings: Settings | None = None
    ) -> None:
        self.cluster = cluster
        self.store = store
        self.namespace = namespace
        self.settings = settings
        self._image = settings.image.value if settings is not None and settings.image is not None else None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._checking = threading.Lock()
        self._trusts_store = _allows_unconditional(settings)
        self._uploaded: dict[str, float] = {}
        self._watchers: dict[str, Watcher] = {}
        self._courier = delivery.Courier()
        self._delivery = delivery.Delivery(store)
        self._patience = Patience(CREATE_PATIENCE_SECONDS)
        self._has_created = False

    # ---- runs

    def submit(self, definition: Definition, call: Call, *, wait_for: Any = None) -> TaskFuture[Any]:
        """Upload what is not there yet, create the TaskRun, return its future.

        A call whose result is shared already makes a run that ends with it, without a pod. Raises
        SerializationError, InvalidTaskRun, StoreError, ClusterError: nothing runs then. The first run
        of a client also asks the store whether it honours conditional writes: one PUT
        more, and StoreNotConditional if it does not.
        """
        definition, by_value = self._with_image(definition), local_modules()
        looked = Lookup(definition, self.store, self.namespace)
        code = submission.seal_code(definition, by_value)
        sealed = submission.seal_call(call, self.namespace, wait_for, by_value)
        identity = self._identity()
        bundle = submission.bundle([sealed])
        manifest = submission.manifest(definition, identity, sealed, code, bundle.blobs[0])
        (sharing,) = looked.tell_all([manifest], [sealed])
        submission.validate(manifest)
        self._check_store()
        if not looked.has_found(manifest, sharing):
            self._upload_code(code)
            self._upload_arguments(bundle)
        future = self._future(manifest["metadata"]["name"], trust_pickle=True)
        try:
            self._create(future, manifest, identity.token)
        except BaseException as error:
            future.not_created(error)
            raise
        return future

    def map(
        self, definition: Definition, calls: Iterable[Call], *, wait_for: Any = None
    ) -> TaskFutureList[Any]:
        """One run per call, their arguments in shared objects, created a few at a time; the order is kept.

        `calls` is consumed as it goes. A run whose create fails has its error in its future.
        """
        definition, by_value = self._with_image(definition), local_modules()
        looked = Lookup(definition, self.store, self.namespace)
        mapping = _Mapping(self, definition, submission.seal_code(definition, by_value), looked)
        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ferryman-create") as pool:
            try:
                mapping.send_all(
                    (submission.seal_call(c, self.namespace, wait_for, by_value) for c in calls), pool
                )
            except BaseException as error:
                pool.shutdown(wait=True, cancel_futures=True)
                mapping.futures.give_up(error)
                raise
        return mapping.futures

    def get_run(
        self, name: str, *, namespace: str | None = None, trust_pickle: bool = False
    ) -> TaskFuture[Any]:
        """The future of a run that was submitted earlier, or elsewhere. Raises RunNotFound.

        A result that is a pickle executes what is in it, so it is loaded only with `trust_pickle`.
        """
        future = self._future(name, trust_pickle=trust_pickle, namespace=namespace)
        try:
            future.observe(view(self.cluster.get_run(future.namespace, name)))
        except FerrymanError as error:
            future.not_created(error)
            raise
        return future

    def list_runs(
        self, *, namespace: str | None = None, task: str | None = None, tag: str | None = None
    ) -> list[Run]:
        """The TaskRuns of the namespace, of one task or with one tag if said."""
        selector = f"{names.TASK_LABEL}={names.label_value(task)}" if task else ""
        runs = map(view, self.cluster.list_runs(namespace or self.namespace, label_selector=selector))
        return [run for run in runs if tag is None or tag in json.loads(run.tags or "[]")]

    def close(self) -> None:
        """End the watches, and the waiting for the store. Runs go on; futures that wait are never done."""
        with self._lock:
            watchers = list(self._watchers.values())
            self._watchers.clear()
            self._delivery.patience.give_up()
            self._delivery = delivery.Delivery(self.store)
        for watcher in watchers:
            watcher.close()

    def __enter__(self) -> Self:
        _stack.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stack.remove(self)
        self.close()

    # ---- for futures (ferryman.futures.RunAccess)

    def cancel(self, namespace: str, name: str) -> None:
        """Ask for the run to be stopped. Raises RunNotFound."""
        self.cluster.request_cancel(namespace, name)

    def logs(self, run: Run, *, attempt: int | None = None, follow: bool = False) -> Iterator[str]:
        """The log of the newest pod of an attempt (the last, if not said). Raises RunGone without one."""
        selector = f"{names.RUN_UID_LABEL}={run.uid}"
        if attempt is not None:
            selector += f",{names.ATTEMPT_LABEL}={attempt}"
        pods = self.cluster.list_pods(run.namespace, selector)
        if not pods:
            raise RunGone(
                f"run {run.name} has no pod{f' of attempt {attempt}' if attempt else ''}", run=run.name
            )
        newest = max(pods, key=attempt_order)
        return self.cluster.read_log(run.namespace, newest["metadata"]["name"], follow=follow)

    def deliver(self, future: TaskFuture[Any], run: Run) -> None:
        """Fetch the outcome in the background."""
        self._courier.send(partial(self._delivery.carry_out, future, run))

    def hold(self, future: TaskFuture[Any]) -> None:
        """Keep the future until it is done."""
        self._watcher(future.namespace).hold(future)

    # ---- inside

    @property
    def is_ours(self) -> bool:
        """Whether this process made it: threads and sockets do not survive a fork."""
        return self._pid == os.getpid()

    def _future(self, name: str, *, trust_pickle: bool, namespace: str | None = None) -> TaskFuture[Any]:
        future: TaskFuture[Any] = TaskFuture(
            self, namespace or self.namespace, name, trust_pickle=trust_pickle
        )
        watcher = self._watcher(future.namespace)
        # Before the run exists: a change that comes before the create's reply would be missed after it.
        watcher.subscribe(name, future)
        Future.add_done_callback(future, partial(watcher.release, name))
        return future

    def _watcher(self, namespace: str) -> Watcher:
        with self._lock:
            if namespace not in self._watchers:
                self._watchers[namespace] = Watcher(self.cluster, namespace)
            return self._watchers[namespace]

    def _check_store(self) -> None:
        # Before the first run, because a runner cannot tell by the one claim that it creates.
        with self._checking:
            if not self._trusts_store:
                conditional.check(self.store, self.namespace)
                self._trusts_store = True

    def _upload_code(self, code: Sealed) -> None:
        # Content-addressed, so that writing it again is harmless: no HEAD is needed to find out.
        uploaded = self._uploaded.get(code.sha256)
        if uploaded is None or time.monotonic() - uploaded > REMEMBER_SECONDS:
            self.store.put(keys.code(self.namespace, code.sha256), code.body)
            self._uploaded[code.sha256] = time.monotonic()

    def _upload_arguments(self, bundle: Bundle) -> None:
        if bundle.body:
            self.store.put(keys.arguments(self.namespace, bundle.sha256), bundle.body)

    def _create(self, future: TaskFuture[Any], manifest: Mapping[str, Any], token: str) -> None:
        create = partial(self._create_once, manifest, token)
        try:
            run = create()
        except ClusterUnavailable:
            if not self._has_created:
                raise
            # It is the right API server and has answered before: it restarts, say.
            what = f"run {future.name} cannot be created"
            run = self._patience.call(create, ClusterUnavailable, what, future.delayed)
        self._has_created = True
        future.observe(run)

    def _create_once(self, manifest: Mapping[str, Any], token: str) -> Run:
        try:
            return view(self.cluster.create_run(manifest))
        except RunAlreadyExists:
            # Ours, if the reply of an earlier try of this very create was lost.
            meta: Object = manifest["metadata"]
            found = view(self.cluster.get_run(meta["namespace"], meta["name"]))
            if found.submission != token:
                raise
            return found

    def _identity(self) -> Identity:
        return Identity(self.namespace, naming.random_suffix(), naming.token(), self._parent())

    def _parent(self) -> Parent | None:
        try:
            run = context.current_run()
        except MissingContextError:
            return None
        # A run can be the parent of those in its own namespace only; one in this process is no TaskRun.
        return Parent(run.name, run.uid) if run.namespace == self.namespace else None

    def _with_image(self, definition: Definition) -> Definition:
        pod = definition.options.pod
        if self._image is None or pod.image is not None:
            return definition
        return replace(definition, options=replace(definition.options, pod=pod.evolve(image=self._image)))


class _Mapping:
    """A map on its way: what its batches share."""

    def __init__(self, client: Client, definition: Definition, code: Sealed, looked: Lookup) -> None:
        self._client = client
        self._definition = definition
        self._code = code
        self._lookup = looked
        self._is_first = True
        self.futures: TaskFutureList[Any] = TaskFutureList()

    def send_all(self, calls: Iterable[SealedCall], pool: ThreadPoolExecutor) -> None:
        """Send the calls in batches, consuming them as it goes."""
        batch = _Batch()
        for call in calls:
            batch.calls.append(call)
            batch.identities.append(self._client._identity())  # noqa: SLF001 - the same module
            batch.size += call.arguments.size if call.arguments is not None else 0
            if batch.is_full:
                self.send(batch, pool)
                batch = _Batch()
        self.send(batch, pool)

    def send(self, batch: _Batch, pool: ThreadPoolExecutor) -> None:
        """Upload the batch's arguments, start creating its runs."""
        if not batch.calls:
            return
        client = self._client
        bundle = submission.bundle(batch.calls)
        rows = zip(batch.identities, batch.calls, bundle.blobs, strict=True)
        manifests = [
            submission.manifest(self._definition, who, call, self._code, blob) for who, call, blob in rows
        ]
        shared = self._lookup.tell_all(manifests, batch.calls)
        if self._is_first:
            submission.validate(manifests[0])
            client._check_store()  # noqa: SLF001
            client._upload_code(self._code)  # noqa: SLF001
            self._is_first = False
        client._upload_arguments(bundle)  # noqa: SLF001
        for manifest, who, sharing in zip(manifests, batch.identities, shared, strict=True):
            future = client._future(manifest["metadata"]["name"], trust_pickle=True)  # noqa: SLF001
            self.futures.append(future)
            pool.submit(self._create, future, manifest, who.token, sharing)

    def _create(
        self, future: TaskFuture[Any], manifest: dict[str, Any], token: str, sharing: Sharing | None
    ) -> None:
        try:
            self._lookup.has_found(manifest, sharing)
            self._client._create(future, manifest, token)  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001 - it is the future's to tell
            future.not_created(error)


def _allows_unconditional(settings: Settings | None) -> bool:
    return settings is not None and settings.store is not None and settings.store.value.allow_unconditional


# ---- the current client

_stack: list[Client] = []
_default: Client | None = None
_connecting = threading.Lock()


def current() -> Client:
    """The innermost client that is used as a context manager, else the process's own, connected now.

    Raises ConfigurationError if there is no cluster or no store to work with.
    """
    global _default  # noqa: PLW0603 - one connection per process is what users expect
    for client in reversed(_stack):
        if client.is_ours:
            return client
    with _connecting:
        if _default is None or not _default.is_ours:
            _default = connect()
        return _default


def connect(*, context: str | None = None, namespace: str | None = None) -> Client:
    """A client for this kubeconfig context and namespace; see `ferryman.settings` for the rest."""
    connected = connection.open_connection(os.environ, context=context, namespace=namespace)
    return Client(
        connected.cluster,
        connected.store,
        namespace=connected.settings.namespace.value,
        settings=connected.settings,
    )


def get_run(name: str, *, namespace: str | None = None, trust_pickle: bool = False) -> TaskFuture[Any]:
    """The future of a run that was submitted earlier, or elsewhere. See `Client.get_run`."""
    return current().get_run(name, namespace=namespace, trust_pickle=trust_pickle)


def list_runs(*, namespace: str | None = None, task: str | None = None, tag: str | None = None) -> list[Run]:
    """The TaskRuns of the namespace. See `Client.list_runs`."""
    return current().list_runs(namespace=namespace, task=task, tag=tag)
