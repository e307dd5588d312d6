"""Executes the runs of an InMemoryCluster here, through the same blobs as a pod: no Kubernetes needed."""

from __future__ import annotations

import queue
import threading

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.cluster import Object
from ferryman.exceptions import RunNotFound
from ferryman.runner.ending import Ending
from ferryman.runs import view
from ferryman.testing.cluster import InMemoryCluster
from ferryman.testing.life import Life
from ferryman.wire.store import Store


class LocalExecution:
    """Runs what is created in `cluster`, one run after the other, in a thread of this process; flows in
    threads of their own.

    Function, arguments, results and exceptions travel as they would to a pod and back, so what
    cannot be pickled fails here, too. Hooks are called as in a pod; of a run whose function
    was not to be called, none. Retries happen at once, without their delays. A function
    past its timeout, or cancelled, is left to itself: a thread cannot be killed.
    """

    def __init__(self, cluster: InMemoryCluster, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._todo: queue.SimpleQueue[Object | None] = queue.SimpleQueue()
        self._waiting: dict[tuple[str, str], Object] = {}
        self._thread = threading.Thread(target=self._work, name="ferryman-local", daemon=True)
        self._thread.start()
        cluster.on_change(self._todo.put)

    def close(self) -> None:
        """Take up nothing more, and wait for the run that is being executed."""
        self._todo.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (run := self._todo.get()) is not None:
            key = (run["metadata"]["namespace"], run["metadata"]["name"])
            phase = Phase(run["status"]["phase"])
            if phase is Phase.PENDING and not run["status"].get("attempts"):
                self._waiting[key] = run
            for waiting in list(self._waiting.values()):
                self._consider(waiting)

    def _consider(self, run: Object) -> None:
        namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
        try:
            current = self._cluster.get_run(namespace, name)
        except RunNotFound:
            del self._waiting[namespace, name]
            return
        verdict = Reason.CANCELLED if current["spec"].get("cancelRequested") else self._dependencies(current)
        if verdict is Reason.WAITING_FOR_DEPENDENCIES:
            return
        del self._waiting[namespace, name]
        if verdict is None:
            self._execute(current)
        else:
            upstreams = ", ".join(one["name"] for one in current["spec"].get("dependsOn", ()))
            told = f"upstream {upstreams} did not complete" if upstreams else MEANING[verdict].happened
            Life(self._cluster, self._store, current).end(Ending(verdict, told))

    def _execute(self, run: Object) -> None:
        life = Life(self._cluster, self._store, run)
        if not run["spec"].get("pod", {}).get("automountServiceAccountToken"):
            life.run()
            return
        # A flow waits for runs of its own, which this thread executes.
        name = f"ferryman-{run['metadata']['name']}"
        threading.Thread(target=life.run, name=name, daemon=True).start()

    def _dependencies(self, run: Object) -> Reason | None:
        for wanted in run["spec"].get("dependsOn", ()):
            try:
                upstream = view(self._cluster.get_run(run["metadata"]["namespace"], wanted["name"]))
            except RunNotFound:
                return Reason.DEPENDENCY_NOT_FOUND
            if not upstream.is_over:
                return Reason.WAITING_FOR_DEPENDENCIES
            if upstream.phase is not Phase.COMPLETED and wanted.get("condition") != "Finished":
                return Reason.DEPENDENCY_FAILED
        return None
