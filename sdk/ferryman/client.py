"""The client: submits runs, finds them again, and brings their outcomes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from ferryman import connection, delivery, naming
from ferryman.api import names
from ferryman.batches import Batches
from ferryman.binding import Call
from ferryman.cluster import Cluster
from ferryman.creates import Creates
from ferryman.exceptions import RunGone
from ferryman.futures import TaskFuture
from ferryman.gathering import TaskFutureList
from ferryman.orders import Order, Outlet
from ferryman.runs import Run, attempt_order, view
from ferryman.settings import Settings
from ferryman.submission import Definition
from ferryman.uploads import Uploads
from ferryman.watches import Watches
from ferryman.wire.store import Store


class Client:
    """Ferryman in one cluster. Thread-safe. As a context manager it is the current one.

    `namespace` is where its runs are created, unless their task names another.
    """

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
        self._id = naming.random_suffix()
        self._watches = Watches(cluster, self._id)
        self._courier = delivery.Courier()
        self._delivery = delivery.Delivery(store)
        uploads = Uploads(store, trusts_store=_allows_unconditional(settings))
        self._outlet = Outlet(store, uploads, Creates(cluster, self._follow), self._submitted, self._id)

    @property
    def id(self) -> str:
        """Random; the label `ferryman.dev/client` of every run that it creates."""
        return self._id

    # ---- runs

    def submit(
        self, definition: Definition, call: Call, *, wait_for: Any = None, served: bool = False
    ) -> TaskFuture[Any]:
        """Upload what is not there yet, create the TaskRun, return its future.

        A call whose result is shared already makes a run that ends with it, without a pod. Raises
        SerializationError, InvalidTaskRun, StoreError, ClusterError: nothing runs then. The first run
        of a client also asks the store whether it honours conditional writes: one PUT
        more, and StoreNotConditional if it does not. `served`: for a worker, without a pod of its own.
        """
        return self._order(definition, wait_for, served=served).submit(call)

    def map(
        self, definition: Definition, calls: Iterable[Call], *, wait_for: Any = None, served: bool = False
    ) -> TaskFutureList[Any]:
        """One run per call, their arguments in shared objects, created a few at a time; the order is kept.

        `calls` is consumed as it goes. A run whose create fails has its error in its future.
        """
        return Batches(self._order(definition, wait_for, served=served)).send_all(calls)

    def get_run(
        self, name: str, *, namespace: str | None = None, trust_pickle: bool = False
    ) -> TaskFuture[Any]:
        """The future of a run that was submitted earlier, or elsewhere. Raises RunNotFound.

        A result that is a pickle executes what is in it, so it is loaded only with `trust_pickle`.
        """
        run = view(self.cluster.get_run(namespace or self.namespace, name))
        future = self._future(run.namespace, name, trust_pickle=trust_pickle)
        self._follow(future, run)
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
            watches, self._watches = self._watches, Watches(self.cluster, self._id)
            self._delivery.patience.give_up()
            self._delivery = delivery.Delivery(self.store)
        watches.close()

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
        if not pods and any(row.worker for row in run.attempts):
            raise RunGone(f"run {run.name} was served: its lines are in its worker's output", run=run.name)
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
        self._watches.hold(future)

    # ---- inside

    @property
    def is_ours(self) -> bool:
        """Whether this process made it: threads and sockets do not survive a fork."""
        return self._pid == os.getpid()

    def _order(self, definition: Definition, wait_for: Any, *, served: bool) -> Order:
        options = definition.options
        if self._image is not None and options.pod.image is None:
            definition = replace(
                definition, options=replace(options, pod=options.pod.evolve(image=self._image))
            )
        return Order(self._outlet, definition, options.namespace or self.namespace, wait_for, served=served)

    def _submitted(self, namespace: str, name: str) -> TaskFuture[Any]:
        future = self._future(namespace, name, trust_pickle=True)
        # Before the run exists: a change that comes before the create's reply would be missed after it.
        self._watches.expect(namespace, name, future)
        return future

    def _future(self, namespace: str, name: str, *, trust_pickle: bool) -> TaskFuture[Any]:
        future: TaskFuture[Any] = TaskFuture(self, namespace, name, trust_pickle=trust_pickle)
        Future.add_done_callback(future, partial(self._release, namespace, name))
        return future

    # Asked for each time: `close` makes new ones.

    def _follow(self, future: TaskFuture[Any], run: Run) -> None:
        self._watches.follow(future, run)

    def _release(self, namespace: str, name: str, future: TaskFuture[Any]) -> None:
        self._watches.release(namespace, name, future)


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


def in_use() -> Client | None:
    """The client that `current` would give, if there is one already."""
    mine = (client for client in (*reversed(_stack), _default) if client is not None)
    return next((client for client in mine if client.is_ours), None)


def connect(*, context: str | None = None, namespace: str | None = None) -> Client:
    """A client for this kubeconfig context and namespace, or those that are configured.

    As a context manager it is what `submit`, `get_run` and the like use within the block.
    docs/configuration.md says where the rest comes from. Raises ConfigurationError where something is
    missing or malformed.
    """
    connected = connection.open_connection(os.environ, context=context, namespace=namespace)
    return Client(
        connected.cluster,
        connected.store,
        namespace=connected.settings.namespace.value,
        settings=connected.settings,
    )


def get_run(name: str, *, namespace: str | None = None, trust_pickle: bool = False) -> TaskFuture[Any]:
    """The future of a run that was submitted earlier, or elsewhere, by its name.

    A result that is a pickle executes what is in it, so it is loaded only with `trust_pickle`; else
    `result()` raises UntrustedResult. Raises RunNotFound, ConfigurationError or ClusterError.
    """
    return current().get_run(name, namespace=namespace, trust_pickle=trust_pickle)


def list_runs(*, namespace: str | None = None, task: str | None = None, tag: str | None = None) -> list[Run]:
    """The TaskRuns of the namespace, of one task or with one tag if said, as they are now.

    Runs that have ended are listed until their `ttl` has passed. Raises ConfigurationError or ClusterError.
    """
    return current().list_runs(namespace=namespace, task=task, tag=tag)
