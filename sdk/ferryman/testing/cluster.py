"""The in-memory twin of `ferryman.kube`: TaskRuns in a dict, with watches, for tests."""

from __future__ import annotations

import copy
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from ferryman import submission
from ferryman.api import names
from ferryman.cluster import Object, WatchEvent
from ferryman.exceptions import RunAlreadyExists, RunNotFound

_END: Final = None


class InMemoryCluster:
    """A `ferryman.cluster.Cluster` of this process. Thread-safe.

    It accepts what the API server would and keeps it; nothing happens to a run until a test
    writes its status with `set_status`, or `ferryman.testing.LocalExecution` executes it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[tuple[str, str], Object] = {}
        self._pods: list[Object] = []
        self._logs: dict[tuple[str, str], list[str]] = {}
        self._version = 0
        self._watches: list[_Watch] = []
        self._listeners: list[Callable[[Object], None]] = []

    # ---- ferryman.cluster.Cluster

    def create_run(self, manifest: Mapping[str, Any]) -> Object:
        submission.validate(manifest)
        with self._lock:
            meta = manifest["metadata"]
            key = (meta["namespace"], meta["name"])
            if key in self._runs:
                raise RunAlreadyExists(f'taskruns.ferryman.dev "{key[1]}" already exists')
            run = copy.deepcopy(dict(manifest))
            run["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": moment(), "generation": 1}
            run["status"] = {"phase": "Pending"}
            return self._store("ADDED", key, run)

    def get_run(self, namespace: str, name: str) -> Object:
        with self._lock:
            return copy.deepcopy(self._find(namespace, name))

    def list_runs(self, namespace: str | None, *, label_selector: str = "") -> Sequence[Object]:
        with self._lock:
            found = [run for (where, _), run in self._runs.items() if namespace in (None, where)]
            return [copy.deepcopy(run) for run in found if _selects(label_selector, run)]

    def watch_runs(self, namespace: str, *, label_selector: str = "", name: str = "") -> Iterator[WatchEvent]:
        with self._lock:
            watch = _Watch(namespace, label_selector, name)
            for run in self.list_runs(namespace):
                watch.tell("ADDED", run)
            watch.put(WatchEvent("SYNCED", {}))
            self._watches = [one for one in self._watches if not one.is_closed] + [watch]
            return watch

    def request_cancel(self, namespace: str, name: str) -> Object:
        with self._lock:
            run = copy.deepcopy(self._find(namespace, name))
            run["spec"]["cancelRequested"] = True
            run["metadata"]["generation"] += 1
            return self._store("MODIFIED", (namespace, name), run)

    def delete_run(self, namespace: str, name: str) -> None:
        with self._lock:
            run = self._find(namespace, name)
            del self._runs[namespace, name]
            self._tell("DELETED", namespace, run)

    def read_log(self, namespace: str, pod: str, *, follow: bool = False) -> Iterator[str]:
        del follow  # What is in memory is all there will be.
        with self._lock:
            if (namespace, pod) not in self._logs:
                raise RunNotFound(f'pods "{pod}" not found')
            return iter(list(self._logs[namespace, pod]))

    def list_pods(self, namespace: str, label_selector: str) -> Sequence[Object]:
        with self._lock:
            here = [pod for pod in self._pods if pod["metadata"]["namespace"] == namespace]
            return [copy.deepcopy(pod) for pod in here if _selects(label_selector, pod)]

    # ---- for tests

    def set_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Object:
        """Replace the run's status, as the operator would. Raises RunNotFound."""
        with self._lock:
            run = copy.deepcopy(self._find(namespace, name))
            run["status"] = copy.deepcopy(dict(status))
            return self._store("MODIFIED", (namespace, name), run)

    def set_labels(self, namespace: str, name: str, labels: Mapping[str, str]) -> Object:
        """Replace the run's labels, as somebody might by hand. Raises RunNotFound."""
        with self._lock:
            run = copy.deepcopy(self._find(namespace, name))
            run["metadata"]["labels"] = dict(labels)
            return self._store("MODIFIED", (namespace, name), run)

    def add_pod(self, pod: Mapping[str, Any], log: Sequence[str] = ()) -> None:
        """A pod (Kubernetes JSON) and the lines of its log."""
        with self._lock:
            found = copy.deepcopy(dict(pod))
            self._pods.append(found)
            self._logs[found["metadata"]["namespace"], found["metadata"]["name"]] = list(log)

    def on_change(self, listener: Callable[[Object], None]) -> None:
        """Call `listener` with every run that is created or modified. It must return at once."""
        with self._lock:
            self._listeners.append(listener)

    @property
    def open_watches(self) -> int:
        """How many watches somebody follows."""
        with self._lock:
            return sum(not watch.is_closed for watch in self._watches)

    def _find(self, namespace: str, name: str) -> Object:
        run = self._runs.get((namespace, name))
        if run is None:
            raise RunNotFound(f'taskruns.ferryman.dev "{name}" not found')
        return run

    def _store(self, kind: Any, key: tuple[str, str], run: Object) -> Object:
        self._version += 1
        run["metadata"]["resourceVersion"] = str(self._version)
        self._runs[key] = run
        self._tell(kind, key[0], run)
        for listener in self._listeners:
            listener(copy.deepcopy(run))
        return copy.deepcopy(run)

    def _tell(self, kind: Any, namespace: str, run: Object) -> None:
        for watch in self._watches:
            if watch.namespace == namespace and not watch.is_closed:
                watch.tell(kind, run)


class _Watch(Iterator[WatchEvent]):
    def __init__(self, namespace: str, label_selector: str, name: str) -> None:
        self.namespace = namespace
        self.is_closed = False
        self._label_selector = label_selector
        self._name = name
        self._known: dict[str, Object] = {}
        self._events: queue.SimpleQueue[WatchEvent | None] = queue.SimpleQueue()

    def __next__(self) -> WatchEvent:
        event = None if self.is_closed else self._events.get()
        if event is _END:
            raise StopIteration
        return event

    def tell(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], run: Object) -> None:
        """A change, as it looks through the selection: what leaves it is gone, in its state before."""
        name = run["metadata"]["name"]
        before = self._known.pop(name, None)
        is_seen = self._name in ("", name) and _selects(self._label_selector, run)
        if kind != "DELETED" and is_seen:
            self._known[name] = copy.deepcopy(run)
            self.put(WatchEvent("MODIFIED" if before else "ADDED", copy.deepcopy(run)))
        elif before is not None:
            self.put(WatchEvent("DELETED", copy.deepcopy(run) if kind == "DELETED" else before))

    def put(self, event: WatchEvent) -> None:
        self._events.put(event)

    def close(self) -> None:
        self.is_closed = True
        self._events.put(_END)


def moment() -> str:
    """Now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod_of(run: Object, attempt: int, job: str) -> Object:
    """The pod of an attempt, as far as logs need it."""
    meta = run["metadata"]
    labels = {names.RUN_UID_LABEL: meta["uid"], names.ATTEMPT_LABEL: str(attempt)}
    return {
        "metadata": {
            "name": f"{job}-pod",
            "namespace": meta["namespace"],
            "labels": labels,
            "creationTimestamp": moment(),
        }
    }


def _selects(selector: str, found: Object) -> bool:
    labels = found["metadata"].get("labels") or {}
    wanted = [part.split("=", 1) for part in selector.replace("==", "=").split(",") if part]
    return all(labels.get(name) == value for name, value in wanted)
