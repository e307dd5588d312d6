"""One run of an InMemoryCluster, attempt by attempt: what operator, pod and runner make of it together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ferryman import context
from ferryman.api import durations, names
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.runner_contract import Assignment, ResultRef, RunEnding
from ferryman.binding import Call
from ferryman.cluster import Object
from ferryman.context import TaskRunContext
from ferryman.exceptions import FerrymanError, InvalidBlob, RunNotFound, SerializationError, UpstreamTaskError
from ferryman.runner import execution, hooks, shared
from ferryman.runner.commits import Commit
from ferryman.runner.ending import Ending
from ferryman.runs import view
from ferryman.tasks import Task
from ferryman.testing.cluster import InMemoryCluster, moment, pod_of
from ferryman.wire import codecs, envelope, failures, keys
from ferryman.wire.codecs import Sealed, UpstreamValue
from ferryman.wire.store import Store

_TIMEOUT: Final = 24 * 3600.0

_ITS_OWN: Final = frozenset({Reason.COMPLETED, Reason.USER_EXCEPTION, Reason.RETRY_CONDITION_DECLINED})
"""Ends of which hooks get what the function returned or raised."""


class Life:
    """What becomes of one run."""

    def __init__(self, cluster: InMemoryCluster, store: Store, run: Object) -> None:
        self._cluster = cluster
        self._store = store
        self._run = run
        self._spec: Mapping[str, Any] = run["spec"]
        self._meta: Mapping[str, Any] = run["metadata"]
        self._attempts: list[dict[str, Any]] = []
        self._flow_run_id: str | None = None
        self._called: tuple[TaskRunContext, Any] | None = None

    def run(self) -> None:
        """Until it has ended."""
        if (hit := self._spec.get("result", {}).get("hit")) is not None:
            self.end(_happened(Reason.CACHED, ResultRef(**hit)))
            return
        retries = self._spec.get("retry", {}).get("retries", 0)
        while True:
            ended = self._attempt(retries_left=len(self._attempts) < retries)
            meaning = MEANING[ended.reason]
            told = {"outcome": meaning.outcome, "reason": ended.reason, "message": ended.message[:1024]}
            self._attempts[-1] |= told
            if self._is_cancelled():
                self.end(_happened(Reason.CANCELLED))
                return
            if meaning.budget is not Budget.RETRIES or len(self._attempts) > retries:
                self.end(ended)
                return

    def end(self, ended: Ending) -> None:
        """Call the hooks and write the terminal status."""
        self._call_hooks(ended)
        self._write(MEANING[ended.reason].phase, ended)

    def _call_hooks(self, ended: Ending) -> None:
        if self._called is None or ended.reason is Reason.PROCESS_EXITED:
            return
        here, outcome = self._called
        # Of other ends it is not the outcome: a run that was cancelled may have raised before.
        data = outcome if ended.reason in _ITS_OWN else None
        is_shared = ended.reason is Reason.CACHED
        ending = RunEnding(ended.reason, ended.message, ended.result if is_shared else None)
        found = hooks.stored(self._store, self._meta["namespace"], ending)
        state = hooks.state_of(self._meta["name"], ending, data, found)
        hooks.call_each(here, hooks.of(here.task, ended.reason), state, everywhere=False)

    def _attempt(self, *, retries_left: bool) -> Ending:
        number = len(self._attempts) + 1
        job = names.job_name(self._meta["name"], self._meta["uid"], number)
        self._attempts.append({"number": number, "jobName": job, "startedAt": moment(), "outcome": None})
        self._cluster.add_pod(pod_of(self._run, number, job))
        self._write(Phase.RUNNING, Ending(Reason.RUNNING))
        try:
            task, call = self._load()
        except UpstreamTaskError as failed:
            return Ending(Reason.DEPENDENCY_FAILED, str(failed))
        except FerrymanError as failed:
            return Ending(Reason.INVALID_PAYLOAD, str(failed))
        told = self._assignment(number, job, retries_left=retries_left)
        run = execution.task_run(task, told, datetime.now(UTC), flow_run_id=self._flow_run_id)
        here = TaskRunContext(task, run, call.parameters)
        self._called = here, None
        return self._carry_out(here, call, told)

    def _carry_out(self, here: TaskRunContext, call: Call, told: Assignment) -> Ending:
        commit, compute = Commit(here.task), partial(self._compute, here, call, told)
        if not (told.cache_key or told.cache_scope):
            return commit.around(compute)
        try:
            share = shared.of_attempt(self._store, told, here)
        except FerrymanError as error:
            return self._failed(error, here, told)
        return commit.around(compute) if share is None else shared.ending(share, told, compute, commit)

    def _compute(self, here: TaskRunContext, call: Call, told: Assignment) -> Ending:
        value, error = self._call(here, call)
        self._called = here, value if error is None else error
        if error is not None:
            return self._failed(error, here, told)
        try:
            sealed = codecs.seal_result(value, execution.serializer(here.task, told.serializer))
        except SerializationError as unpicklable:
            return Ending(Reason.RESULT_NOT_SERIALIZABLE, str(unpicklable))
        return Ending(Reason.COMPLETED, result=self._put(sealed, told))

    def _failed(self, error: BaseException, here: TaskRunContext, told: Assignment) -> Ending:
        failure = failures.capture(error)
        message = f"{failure.type}: {failure.message}"
        if isinstance(error, _TimedOut):
            return Ending(Reason.TIMEOUT, str(error))
        if not isinstance(error, Exception):
            return Ending(Reason.PROCESS_EXITED, message)
        result = self._put(failures.seal_failure(failure), told)
        declined = told.retries_left and not execution.wants_retry(here, error)
        reason = Reason.RETRY_CONDITION_DECLINED if declined else Reason.USER_EXCEPTION
        return Ending(reason, message, result=result)

    def _assignment(self, number: int, job: str, *, retries_left: bool) -> Assignment:
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
            serializer=how.get("serializer", "auto"),
            retries_left=retries_left,
            cache_key=how.get("cacheKey"),
            cache_scope=how.get("cacheScope", ""),
            cache_expiration=durations.parse(lasts).total_seconds() if lasts else None,
            refresh_cache=bool(how.get("refreshCache")),
        )

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

    def _call(self, here: TaskRunContext, call: Call) -> tuple[Any, BaseException | None]:
        outcome: list[tuple[Any, BaseException | None]] = []

        def execute() -> None:
            try:
                with context.entered(here.task.context_of(here.task_run, here.parameters)):
                    outcome.append((execution.call(here.task.body, call.args, call.kwargs), None))
            except BaseException as error:  # noqa: BLE001 - what it raises is its outcome
                outcome.append((None, error))

        limit = self._spec.get("timeout")
        seconds = durations.parse(limit).total_seconds() if limit else _TIMEOUT
        name = f"ferryman-{self._meta['name']}"
        # In the context of this thread, which has the transaction.
        thread = threading.Thread(target=copy_context().run, args=[execute], name=name, daemon=True)
        thread.start()
        thread.join(seconds)
        return outcome[0] if outcome else (None, _TimedOut(f"the function ran longer than {limit}"))

    def _put(self, sealed: Sealed, told: Assignment) -> ResultRef:
        self._store.put(keys.result(told.namespace, told.uid, told.attempt), sealed.body)
        return ResultRef(sealed.sha256, sealed.size, sealed.codec)

    def _is_cancelled(self) -> bool:
        try:
            current = self._cluster.get_run(self._meta["namespace"], self._meta["name"])
        except RunNotFound:
            return False
        return bool(current["spec"].get("cancelRequested"))

    def _write(self, phase: Phase, ended: Ending) -> None:
        verdict = "Unknown" if not phase.is_terminal else "True" if phase is Phase.COMPLETED else "False"
        status: dict[str, Any] = {
            "phase": phase,
            "conditions": [
                {
                    "type": "Succeeded",
                    "status": verdict,
                    "reason": ended.reason,
                    "message": ended.message[:4096],
                    "lastTransitionTime": moment(),
                }
            ],
            "attempts": [{k: v for k, v in row.items() if v is not None} for row in self._attempts][-20:],
        }
        if ended.result is not None:
            status["result"] = self._result(ended.result)
        try:
            self._cluster.set_status(self._meta["namespace"], self._meta["name"], status)
        except RunNotFound:
            # Deleted while it ran: there is nobody to tell.
            return

    def _result(self, found: ResultRef) -> dict[str, Any]:
        if found.uid:
            return {**asdict(found), "cached": True}
        fields = {"sha256": found.sha256, "size": found.size, "serializer": found.serializer}
        return {**fields, "attempt": len(self._attempts)}


def _happened(reason: Reason, result: ResultRef | None = None) -> Ending:
    return Ending(reason, MEANING[reason].happened, result=result)


class _TimedOut(Exception):
    """The function is still running."""
