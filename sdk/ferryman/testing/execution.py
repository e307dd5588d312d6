"""Executes the runs of an InMemoryCluster here, through the same blobs as a pod: no Kubernetes needed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from ferryman import conditions, context, states
from ferryman.api import durations, names
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.runner_contract import Assignment, ResultRef, RunEnding
from ferryman.awaiting import awaited
from ferryman.binding import Call
from ferryman.caching.records import Hit
from ferryman.caching.shares import Share
from ferryman.cluster import Object
from ferryman.context import TaskRunContext
from ferryman.exceptions import FerrymanError, InvalidBlob, RunNotFound, SerializationError, UpstreamTaskError
from ferryman.runner import execution, hooks, shared
from ferryman.runs import view
from ferryman.tasks import Task
from ferryman.testing.cluster import InMemoryCluster, moment, pod_of
from ferryman.transaction_tree import Transaction
from ferryman.wire import codecs, envelope, failures, keys
from ferryman.wire.codecs import Sealed, UpstreamValue
from ferryman.wire.store import Store

_TIMEOUT: Final = 24 * 3600.0

_ITS_OWN: Final = frozenset({Reason.COMPLETED, Reason.USER_EXCEPTION, Reason.RETRY_CONDITION_DECLINED})
"""Ends of which hooks get what the function returned or raised."""


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
            _Execution(self._cluster, self._store, current).end(verdict, told)

    def _execute(self, run: Object) -> None:
        life = _Execution(self._cluster, self._store, run)
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


class _Execution:
    """One run, attempt by attempt."""

    def __init__(self, cluster: InMemoryCluster, store: Store, run: Object) -> None:
        self._cluster = cluster
        self._store = store
        self._run = run
        self._spec: Mapping[str, Any] = run["spec"]
        self._meta: Mapping[str, Any] = run["metadata"]
        self._attempts: list[dict[str, Any]] = []
        self._flow_run_id: str | None = None
        self._result: dict[str, Any] | None = None
        self._called: tuple[TaskRunContext, Any] | None = None

    def run(self) -> None:
        """Until it has ended."""
        if (hit := self._spec.get("result", {}).get("hit")) is not None:
            self._result = {**hit, "cached": True}
            self.end(Reason.CACHED, MEANING[Reason.CACHED].happened)
            return
        retries = self._spec.get("retry", {}).get("retries", 0)
        while True:
            reason, message, sealed = self._attempt(retries_left=len(self._attempts) < retries)
            meaning = MEANING[reason]
            self._attempts[-1] |= {"outcome": meaning.outcome, "reason": reason, "message": message[:1024]}
            if self._is_cancelled():
                self.end(Reason.CANCELLED, MEANING[Reason.CANCELLED].happened)
                return
            if meaning.budget is not Budget.RETRIES or len(self._attempts) > retries:
                self.end(reason, message, sealed)
                return

    def end(self, reason: Reason, message: str, sealed: Sealed | None = None) -> None:
        """Write the terminal status."""
        phase = MEANING[reason].phase
        result = self._result
        if sealed is not None:
            result = {
                "sha256": sealed.sha256,
                "size": sealed.size,
                "attempt": len(self._attempts),
                "serializer": sealed.codec,
            }
        self._call_hooks(reason, message)
        self._write(phase, reason, message, result)

    def _call_hooks(self, reason: Reason, message: str) -> None:
        if self._called is None or reason is Reason.PROCESS_EXITED:
            return
        here, outcome = self._called
        # Of other ends it is not the outcome: a run that was cancelled may have raised before.
        data = outcome if reason in _ITS_OWN else None
        found = hooks.stored(
            self._store, self._meta["namespace"], RunEnding(reason, "", self._shared_result())
        )
        state = hooks.state_of(self._meta["name"], RunEnding(reason, message), data, found)
        hooks.call_each(here, hooks.of(here.task, reason), state, everywhere=False)

    def _shared_result(self) -> ResultRef | None:
        found = self._result
        if found is None:
            return None
        return ResultRef(found["sha256"], found["size"], found["serializer"], found["uid"], found["attempt"])

    def _attempt(self, *, retries_left: bool) -> tuple[Reason, str, Sealed | None]:
        number = len(self._attempts) + 1
        job = names.job_name(self._meta["name"], self._meta["uid"], number)
        self._attempts.append({"number": number, "jobName": job, "startedAt": moment(), "outcome": None})
        self._cluster.add_pod(pod_of(self._run, number, job))
        self._write(Phase.RUNNING, Reason.RUNNING, "", None)
        try:
            task, call = self._load()
        except UpstreamTaskError as failed:
            return Reason.DEPENDENCY_FAILED, str(failed), None
        except FerrymanError as failed:
            return Reason.INVALID_PAYLOAD, str(failed), None
        told = self._assignment(number, job)
        run = execution.task_run(task, told, datetime.now(UTC), flow_run_id=self._flow_run_id)
        here = TaskRunContext(task, run, call.parameters)
        shares = bool(told.cache_key or told.cache_scope)
        share = shared.of_attempt(self._store, told, here) if shares else None
        if share is not None and (hit := share.take()) is not None:
            self._called = here, None
            self._result = {**asdict(hit), "cached": True}
            return Reason.CACHED, MEANING[Reason.CACHED].happened, None
        with nullcontext() if share is None else share.computing():
            return self._committed(here, call, share, retries_left=retries_left)

    def _committed(
        self, here: TaskRunContext, call: Call, share: Share | None, *, retries_left: bool
    ) -> tuple[Reason, str, Sealed | None]:
        txn, options = Transaction(), here.task.options
        ended = self._execute(here, call, txn, retries_left=retries_left)
        reason, _, sealed = ended
        if reason is not Reason.COMPLETED or sealed is None:
            txn.fail(final=True)
            return ended
        txn.stage(None, options.on_rollback, options.on_commit)
        txn.close()
        if share is not None and txn.is_committed():
            number = here.task_run.run_count
            share.keep(Hit(self._meta["uid"], number, sealed.sha256, sealed.size, sealed.codec))
        return ended

    def _execute(
        self, here: TaskRunContext, call: Call, txn: Transaction, *, retries_left: bool
    ) -> tuple[Reason, str, Sealed | None]:
        number = here.task_run.run_count
        value, error = self._call(here, call, txn)
        self._called = here, value if error is None else error
        if error is not None:
            return self._failure(error, here, number, retries_left=retries_left)
        wanted = self._spec.get("result", {}).get("serializer", "auto")
        try:
            sealed = codecs.seal_result(value, execution.serializer(here.task, wanted))
        except SerializationError as unpicklable:
            return Reason.RESULT_NOT_SERIALIZABLE, str(unpicklable), None
        return Reason.COMPLETED, "", self._put(sealed, number)

    def _assignment(self, number: int, job: str) -> Assignment:
        """As far as what a runner makes of it is needed here."""
        meta, how = self._meta, self._spec.get("result", {})
        lasts = how.get("cacheExpiration")
        return Assignment(
            namespace=meta["namespace"],
            run=meta["name"],
            uid=meta["uid"],
            attempt=number,
            job=job,
            task=self._spec["task"]["name"],
            cache_key=how.get("cacheKey"),
            cache_scope=how.get("cacheScope", ""),
            cache_expiration=durations.parse(lasts).total_seconds() if lasts else None,
            refresh_cache=bool(how.get("refreshCache")),
        )

    def _failure(
        self, error: BaseException, here: TaskRunContext, number: int, *, retries_left: bool
    ) -> tuple[Reason, str, Sealed | None]:
        failure = failures.capture(error)
        message = f"{failure.type}: {failure.message}"
        if isinstance(error, _TimedOut):
            return Reason.TIMEOUT, str(error), None
        if not isinstance(error, Exception):
            return Reason.PROCESS_EXITED, message, None
        sealed = self._put(failures.seal_failure(failure), number)
        declined = retries_left and not awaited(
            conditions.asked(here.task, here.task_run, states.failed(error, datetime.now(UTC)))
        )
        return Reason.RETRY_CONDITION_DECLINED if declined else Reason.USER_EXCEPTION, message, sealed

    def _load_task(self) -> Task[..., Any]:
        function = self._spec["function"]
        if "entrypoint" in function:
            # As a worker would, if one served it.
            try:
                return execution.as_task(execution.load_entrypoint(function["entrypoint"]))
            except ImportError as error:
                raise InvalidBlob(f"the task cannot be imported: {error}") from None
        blob = function["blob"]
        code = self._store.get(keys.code(self._meta["namespace"], blob["sha256"]))
        envelope.verify(code, blob["sha256"], blob["size"])
        task: Task[..., Any] = execution.as_task(codecs.open_code(code).task)
        return task

    def _load(self) -> tuple[Task[..., Any], Call]:
        task = self._load_task()
        wanted = self._spec.get("parameters", {}).get("blob")
        if wanted is None:
            return task, task.bind((), {})
        body = self._store.get(
            keys.arguments(self._meta["namespace"], wanted.get("object", wanted["sha256"])),
            offset=wanted.get("offset", 0),
            size=wanted["size"],
        )
        envelope.verify(body, wanted["sha256"], wanted["size"])
        self._flow_run_id = codecs.flow_run_of(body)
        return task, task.bind(*codecs.open_arguments(body, resolve=self._upstream))

    def _upstream(self, wanted: UpstreamValue) -> Any:
        name = self._spec["dependsOn"][wanted.index]["name"]
        run = view(self._cluster.get_run(self._meta["namespace"], name))
        if run.result is None:
            error = UpstreamTaskError(f"upstream run {name} left no value: {run.reason}", run=name)
            if wanted.allow_failure:
                return error
            raise error
        blob = self._store.get(keys.result(run.namespace, run.result.uid or run.uid, run.result.attempt))
        envelope.verify(blob, run.result.sha256, run.result.size)
        if run.phase is Phase.COMPLETED:
            return codecs.open_result(blob, trust_pickle=True)
        return failures.rebuild(failures.open_failure(blob), trust_pickle=True)

    def _call(self, here: TaskRunContext, call: Call, txn: Transaction) -> tuple[Any, BaseException | None]:
        outcome: list[tuple[Any, BaseException | None]] = []

        def execute() -> None:
            try:
                inside = context.entered(here.task.context_of(here.task_run, here.parameters))
                with inside, txn.entered() if here.task.opens_transaction else nullcontext():
                    outcome.append((execution.call(here.task.body, call.args, call.kwargs), None))
            except BaseException as error:  # noqa: BLE001 - what it raises is its outcome
                outcome.append((None, error))

        limit = self._spec.get("timeout")
        seconds = durations.parse(limit).total_seconds() if limit else _TIMEOUT
        thread = threading.Thread(target=execute, name=f"ferryman-{self._meta['name']}", daemon=True)
        thread.start()
        thread.join(seconds)
        return outcome[0] if outcome else (None, _TimedOut(f"the function ran longer than {limit}"))

    def _put(self, sealed: Sealed, number: int) -> Sealed:
        self._store.put(keys.result(self._meta["namespace"], self._meta["uid"], number), sealed.body)
        return sealed

    def _is_cancelled(self) -> bool:
        try:
            current = self._cluster.get_run(self._meta["namespace"], self._meta["name"])
        except RunNotFound:
            return False
        return bool(current["spec"].get("cancelRequested"))

    def _write(self, phase: Phase, reason: Reason, message: str, result: Mapping[str, Any] | None) -> None:
        verdict = "Unknown" if not phase.is_terminal else "True" if phase is Phase.COMPLETED else "False"
        status: dict[str, Any] = {
            "phase": phase,
            "conditions": [
                {
                    "type": "Succeeded",
                    "status": verdict,
                    "reason": reason,
                    "message": message[:4096],
                    "lastTransitionTime": moment(),
                }
            ],
            "attempts": [{k: v for k, v in row.items() if v is not None} for row in self._attempts][-20:],
        }
        if result is not None:
            status["result"] = dict(result)
        try:
            self._cluster.set_status(self._meta["namespace"], self._meta["name"], status)
        except RunNotFound:
            # Deleted while it ran: there is nobody to tell.
            return


class _TimedOut(Exception):
    """The function is still running."""
