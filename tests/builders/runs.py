"""Runs and what is seen of them, built like a sentence: `a_run().on_attempt(2).whose_pod(OOM_KILLED)`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ferryman.api import names
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import HooksState, Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import Report, ResultRef, StoreLocation, encode_report
from ferryman.api.taskrun import (
    Attempt,
    CacheHit,
    Condition,
    Dependency,
    Function,
    Hooks,
    Parent,
    PodOptions,
    Result,
    ResultOptions,
    Retry,
    Task,
    TaskRunSpec,
    TaskRunStatus,
)
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import (
    ContainerExit,
    Job,
    JobEnd,
    Key,
    Observed,
    Pod,
    PodDefaults,
    Refusal,
    RefusalKind,
    Run,
    StoreConfig,
    World,
)
from ferryman_operator.reconcile.plan import Plan

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UID = "5f0c1a2e-0000-4000-8000-000000000001"
SHA = "ab" * 32

WORLD = World(
    stores={"default": StoreConfig(StoreLocation("payloads", "team"), "ferryman-store")},
    pod=PodDefaults("registry.example/runner:1"),
)


def exited(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """A pod whose runner ended with this exit code."""
    phase = "Succeeded" if code == 0 else "Failed"
    return {"phase": phase, "exit": ContainerExit(code, reason, message, None, None)}


OOM_KILLED = exited(137, "OOMKilled")
STOPPED = exited(143)
IS_RUNNING = {"phase": "Running", "ready": True}
IS_OUT_OF_REACH = {**IS_RUNNING, "unreachable": True}
IS_STOPPING = {"phase": "Running", "ready": True, "deleting": True}
CANNOT_PULL = {"phase": "Pending", "waiting_reason": "ImagePullBackOff", "waiting_message": "no such image"}
CANNOT_BE_SCHEDULED = {
    "phase": "Pending",
    "waiting_reason": "Unschedulable",
    "waiting_message": "0/3 nodes are available",
}


@dataclass(frozen=True)
class reports:
    """A pod whose runner ended with this report."""

    reason: Reason
    code: int = 80
    message: str = ""
    result: ResultRef | None = None
    attempt: int | None = None
    uid: str = UID
    hooks: HooksReport | None = None

    def of(self, attempt: int) -> dict[str, Any]:
        report = Report(
            self.uid, self.attempt or attempt, self.reason, self.message, result=self.result, hooks=self.hooks
        )
        return exited(self.code, message=encode_report(report).decode())


OTHER_UID = "5f0c1a2e-0000-4000-8000-000000000002"
SHARED = reports(Reason.CACHED, 0, result=ResultRef(SHA, 12, "json", OTHER_UID, 3))
RETURNED = reports(Reason.COMPLETED, 0, result=ResultRef(SHA, 12, "json"))
RAISED = reports(Reason.USER_EXCEPTION, 80, "ValueError: no", ResultRef("cd" * 32, 99, "pickle"))

LIVE = None
COMPLETE = JobEnd(True, "Completed", "", T0)
FAILED = JobEnd(False, "PodFailurePolicy", "Container runner failed with exit code 1", T0)
OUT_OF_TIME = JobEnd(False, "DeadlineExceeded", "Job was active longer than specified deadline", T0)


def spec(**fields: Any) -> TaskRunSpec:
    """The least that a spec needs, and these fields."""
    least = {"task": Task(name="build"), "function": Function(entrypoint="reports:build")}
    return TaskRunSpec(**{**least, **fields})


@dataclass(frozen=True)
class ARun:
    """Each method returns a new one; `.seen` is what the operator observes, `.plan` what it decides."""

    name: str = "report"
    uid: str = UID
    spec: TaskRunSpec | None = field(default_factory=spec)
    status: TaskRunStatus = TaskRunStatus()
    jobs: tuple[Job, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    deleting: bool = False
    invalid: str = ""
    after: timedelta = timedelta(seconds=1)

    # What it is

    def called(self, name: str, uid: str = UID) -> ARun:
        return replace(self, name=name, uid=uid)

    def that(self, **fields: Any) -> ARun:
        assert self.spec is not None
        return replace(self, spec=self.spec.model_copy(update=fields))

    def retrying(self, retries: int = 0, **fields: Any) -> ARun:
        return self.that(retry=Retry(retries=retries, **fields))

    def depending_on(self, *upstreams: str, condition: Any = "Completed") -> ARun:
        return self.that(depends_on=[Dependency(name=one, condition=condition) for one in upstreams])

    def child_of(self, parent: ARun, *, is_known: bool = True) -> ARun:
        child = self.that(parent=Parent(name=parent.name, uid=parent.uid))
        return child._seeing(parent=parent.run) if is_known else child

    def with_pod(self, **fields: Any) -> ARun:
        return self.that(pod=PodOptions(**fields))

    def with_result(self, **fields: Any) -> ARun:
        return self.that(result=ResultOptions(**fields))

    def whose_submitter_found_a_result(self) -> ARun:
        """Of the third attempt of another run."""
        hit = CacheHit(uid=OTHER_UID, attempt=3, sha256=SHA, size=12, serializer="json")
        return self.with_result(cache_key="k", hit=hit)

    def that_is_cancelled(self) -> ARun:
        return self.that(cancel_requested=True)

    def that_is_invalid(self, why: str) -> ARun:
        return replace(self, spec=None, invalid=why)

    def being_deleted(self) -> ARun:
        return replace(self, deleting=True)

    # Where it is

    def with_status(self, **fields: Any) -> ARun:
        return replace(self, status=self.status.model_copy(update=fields))

    def after_failures(self, *reasons: Reason, not_before: timedelta = timedelta(0)) -> ARun:
        """Attempts that ended so are in the ledger, and the next one is due."""
        rows = [self._ended(n, reason) for n, reason in enumerate(reasons, 1)]
        if rows:
            rows[-1] = rows[-1].model_copy(update={"not_before": T0 + not_before})
        infrastructure = [r for r in reasons if MEANING[r].budget.value == "infrastructureRetries"]
        return self.with_status(
            phase=Phase.AWAITING_RETRY,
            attempts=rows[-20:],
            attempt_count=len(rows),
            infrastructure_retries_used=len(infrastructure),
            retries_used=len(reasons) - len(infrastructure),
        )

    def on_attempt(self, number: int, reason: Reason = Reason.USER_EXCEPTION) -> ARun:
        """The Job of this attempt exists; those before it failed for `reason`."""
        before = self.after_failures(*[reason] * (number - 1)) if number > 1 else self
        return replace(before, jobs=(*before.jobs, before.job(number)))

    def running(self) -> ARun:
        """The status says so, and the ledger has the row."""
        job = replace(self.jobs[-1], ready=1)
        row = Attempt(number=job.attempt, job_name=job.name, jobUID=job.uid, started_at=T0)
        return replace(self, jobs=(*self.jobs[:-1], job)).with_status(
            phase=Phase.RUNNING,
            attempts=[*self.status.attempts, row],
            attempt_count=job.attempt,
            started_at=T0,
            conditions=[self.condition(Reason.RUNNING)],
        )

    def being_stopped_for(self, reason: Reason) -> ARun:
        rows = self.status.attempts
        marked = rows[-1].model_copy(update={"reason": reason.value, "message": "because"})
        return self.with_status(attempts=[*rows[:-1], marked])

    def ready(self) -> ARun:
        return replace(self, jobs=(*self.jobs[:-1], replace(self.jobs[-1], ready=1, silent=False)))

    def that_is_silent(self) -> ARun:
        """It has a pod, and none is ready."""
        return self.whose_job(ready=0, silent=True)

    def whose_job(self, end: JobEnd | None = None, **fields: Any) -> ARun:
        return replace(self, jobs=(*self.jobs[:-1], replace(self.jobs[-1], end=end, **fields)))

    def whose_job_is_gone(self) -> ARun:
        return replace(self, jobs=self.jobs[:-1])

    def whose_pod(self, *pods: dict[str, Any] | reports) -> ARun:
        """The pods of the current attempt, as a look finds them."""
        job = self.jobs[-1] if self.jobs else self.job(1)
        found = tuple(self._pod(i, job, one) for i, one in enumerate(pods))
        return self._seeing(pods=found)

    def without_pods(self) -> ARun:
        return self._seeing(pods=())

    def that_has(self, phase: Phase, reason: Reason, result: Result | None = None) -> ARun:
        """It has ended."""
        return self.with_status(
            phase=phase, conditions=[self.condition(reason)], finished_at=T0, result=result
        )

    def wanting_hooks(
        self, state: HooksState = HooksState.WANTED, job_uid: str | None = None, worker: str | None = None
    ) -> ARun:
        """Its hooks are to be called, or have been."""
        return self.with_status(hooks=Hooks(state=state, jobUID=job_uid, worker=worker))

    def with_hooks_job(self, **fields: Any) -> ARun:
        """The Job that calls its hooks exists."""
        name = names.hooks_job_name(self.name, self.uid)
        job = replace(Job("default", name, "hooks", "1", self.uid, 0, T0), **fields)
        return replace(self, jobs=(*self.jobs, job))

    def whose_hooks_pod(self, what: dict[str, Any]) -> ARun:
        """The pod of that Job, which may be gone itself."""
        pod = Pod(**{"name": "hook-pod", "uid": "h", "job_uid": "hooks", "node": "n", **what})
        return self._seeing(pods=(pod,))

    # What is seen of it

    def confirmed(self) -> ARun:
        """Run and Job were read live."""
        return self._seeing(fresh=True)

    def next_to(self, *upstreams: ARun, confirmed: bool = False) -> ARun:
        found = {one.name: one.run for one in upstreams}
        return self._seeing(upstreams=found, upstreams_confirmed=confirmed)

    def refused(self, kind: RefusalKind, message: str = "no", attempt: int = 1, at: datetime = T0) -> ARun:
        return self._seeing(refusal=Refusal(attempt, kind, message, at))

    def at(self, **length: float) -> ARun:
        """This long after its creation."""
        return replace(self, after=timedelta(**length))

    def in_world(self, world: World) -> ARun:
        return self._seeing(world=world)

    # The values

    @property
    def run(self) -> Run:
        key = Key("default", self.name)
        return Run(key, self.uid, "7", 1, T0, self.deleting, self.spec, self.status, self.invalid)

    @property
    def seen(self) -> Observed:
        return Observed(
            **{"now": T0 + self.after, "world": WORLD, "run": self.run, "jobs": self.jobs, **self.more}
        )

    @property
    def case(self) -> Case:
        assert self.spec is not None
        return Case(self.seen, self.run, self.spec)

    @property
    def plan(self) -> Plan:
        return decide(self.seen)

    def job(self, number: int) -> Job:
        name = names.job_name(self.name, self.uid, number)
        return Job("default", name, f"job-{number}", "1", self.uid, number, T0)

    def condition(self, reason: Reason) -> Condition:
        return Condition(
            status="Unknown", reason=reason.value, observed_generation=1, last_transition_time=T0
        )

    def _seeing(self, **fields: Any) -> ARun:
        return replace(self, more={**self.more, **fields})

    def _pod(self, index: int, job: Job, what: dict[str, Any] | reports) -> Pod:
        fields = what.of(job.attempt) if isinstance(what, reports) else what
        return Pod(
            **{"name": f"pod-{index}", "uid": f"p{index}", "job_uid": job.uid, "node": "node-1", **fields}
        )

    def _ended(self, number: int, reason: Reason) -> Attempt:
        return Attempt(
            number=number,
            job_name=self.job(number).name,
            jobUID=f"job-{number}",
            outcome=MEANING[reason].outcome,
            reason=reason.value,
            finished_at=T0,
        )


def a_run() -> ARun:
    """A new run, of which nothing has happened."""
    return ARun()
