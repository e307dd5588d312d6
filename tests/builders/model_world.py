"""A tiny Kubernetes of one TaskRun, and operators that see it late: what the state machine plays with.

Only what the safety of a run depends on is modelled: resourceVersions, UIDs, pods that live on
after their Job is deleted, claims in the store, and caches that lag behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from builders.runs import T0, UID, WORLD, ARun
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import Assignment, Env, Report, ResultRef, decode_assignment, encode_report
from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator.reconcile import attempts, outcome
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import ContainerExit, Job, JobEnd, Observed, Pod, Run
from ferryman_operator.reconcile.plan import CreateJob, Look, Plan


@dataclass(frozen=True)
class Execution:
    """One call of the function."""

    attempt: int
    job_uid: str
    pod: str
    at: datetime
    late_create: bool


@dataclass
class ModelPod:
    """A pod, and what its runner was told. `calls` while the function runs."""

    pod: Pod
    assignment: Assignment
    late_create: bool
    calls: bool = False


@dataclass
class Operator:
    """What one operator believes."""

    run: Run | None
    jobs: tuple[Job, ...] = ()
    hears_pods: bool = False
    """Whether a watch tells it of every pod that succeeds, at once."""


@dataclass
class ModelWorld:
    """The truth."""

    start: ARun
    now: datetime = T0
    run: Run | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    assignments: dict[str, tuple[Assignment, bool]] = field(default_factory=dict)
    pods: dict[str, ModelPod] = field(default_factory=dict)
    claims: dict[int, str] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    returned: dict[int, str] = field(default_factory=dict)
    versions: list[TaskRunStatus] = field(default_factory=list)
    ended_at_execution: int | None = None
    writes: int = 0
    serial: int = 0
    late_creates: list[CreateJob] = field(default_factory=list)
    succeeded: dict[str, Pod] = field(default_factory=dict)
    """The pod by its Job's UID, also when it is gone."""

    def __post_init__(self) -> None:
        self.run = replace(self.start.run, resource_version="0")
        self.versions.append(self.run.status)

    def fresh_name(self, stem: str) -> str:
        self.serial += 1
        return f"{stem}-{self.serial}"

    # The operator's requests

    def look(self, seen: Observed, looks: frozenset[Look], *, hears_pods: bool = False) -> Observed:
        if Look.RUN in looks:
            seen = replace(seen, run=self.run, fresh=True, jobs=self._with_live_job(seen.jobs))
        if Look.RUN_ALONE in looks:
            seen = replace(seen, run=self.run, current=True)
        if Look.PODS in looks:
            told = self._told_of(seen) if hears_pods and not seen.fresh else ()
            seen = replace(seen, pods=told or tuple(one.pod for one in self.pods.values()))
        return seen

    def _told_of(self, seen: Observed) -> tuple[Pod, ...]:
        job = attempts.ended_job(seen.run, seen.jobs) if seen.run else None
        pod = self.succeeded.get(job.uid) if job else None
        return (pod,) if job and pod and outcome.is_success(UID, job, pod) else ()

    def _with_live_job(self, cached: tuple[Job, ...]) -> tuple[Job, ...]:
        if self.run is None:
            return ()
        name = attempts.job_name(self.run)
        others = tuple(job for job in cached if job.name != name)
        return (*others, self.jobs[name]) if name in self.jobs else others

    def create_job(self, create: CreateJob, *, late: bool = False) -> None:
        name = create.manifest["metadata"]["name"]
        if name in self.jobs or self.run is None:
            return
        env = create.manifest["spec"]["template"]["spec"]["containers"][0]["env"]
        told = next(one["value"] for one in env if one["name"] == Env.ASSIGNMENT)
        uid = self.fresh_name("job")
        self.jobs[name] = Job("default", name, uid, "1", UID, create.attempt, self.now)
        self.assignments[uid] = decode_assignment(told), late
        self.writes += 1

    def delete_job(self, name: str, uid: str) -> None:
        if name in self.jobs and self.jobs[name].uid == uid:
            del self.jobs[name]
            self.writes += 1
            for one in self.pods.values():
                if one.pod.job_uid == uid:
                    one.pod = replace(one.pod, deleting=True)

    def write_status(self, version: str, status: TaskRunStatus) -> bool:
        if self.run is None or self.run.resource_version != version:
            return False
        # What Kubernetes stores is JSON.
        status = TaskRunStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.run = replace(self.run, status=status, resource_version=str(int(version) + 1))
        self.versions.append(status)
        self.writes += 1
        if status.phase.is_terminal and self.ended_at_execution is None:
            self.ended_at_execution = len(self.executions)
        return True

    def request_cancel(self) -> None:
        assert self.run is not None and self.run.spec is not None
        spec = self.run.spec.model_copy(update={"cancel_requested": True})
        version = str(int(self.run.resource_version) + 1)
        self.run = replace(self.run, spec=spec, generation=2, resource_version=version)

    # Kubernetes

    def start_pod(self, job: Job) -> None:
        assignment, late = self.assignments[job.uid]
        name = self.fresh_name("pod")
        pod = Pod(name, f"uid-{name}", job.uid, "node", "Pending")
        self.pods[name] = ModelPod(pod, assignment, late)

    def run_pod(self, one: ModelPod) -> None:
        """The container starts: it claims its attempt, or it does not call the function."""
        one.pod = replace(one.pod, phase="Running", ready=True)
        self._update_job(one.pod.job_uid, ready=1)
        told = one.assignment
        if told.not_after is not None and self.now.timestamp() > told.not_after:
            self.exit(one, Reason.START_TIMEOUT, 84)
            return
        for earlier in range(1, told.attempt):
            self.claims.setdefault(earlier, one.pod.uid)
        if self.claims.setdefault(told.attempt, one.pod.uid) != one.pod.uid:
            self.exit(one, Reason.CLAIM_LOST, 84)
            return
        one.calls = True
        self.executions.append(
            Execution(told.attempt, one.pod.job_uid, one.pod.name, self.now, one.late_create)
        )

    def return_from(self, one: ModelPod) -> None:
        sha = f"{self.serial:064x}"
        self.returned[one.assignment.attempt] = sha
        self.exit(one, Reason.COMPLETED, 0, ResultRef(sha, 1, "json"))

    def exit(self, one: ModelPod, reason: Reason, code: int, result: ResultRef | None = None) -> None:
        report = Report(
            UID, one.assignment.attempt, reason, "said", result=result, started=self.now.timestamp()
        )
        self.stop(one, code, encode_report(report).decode())

    def stop(self, one: ModelPod, code: int, message: str = "", **fields: Any) -> None:
        ended = ContainerExit(code, "Error", message, self.now, self.now)
        phase = "Succeeded" if code == 0 else "Failed"
        one.calls = False
        one.pod = replace(one.pod, phase=phase, ready=False, exit=ended, **fields)
        self._update_job(one.pod.job_uid, ready=0)
        if code == 0:
            self.succeeded[one.pod.job_uid] = one.pod
        if one.pod.deleting:
            del self.pods[one.pod.name]

    def remove_pod(self, one: ModelPod) -> None:
        one.calls = False
        del self.pods[one.pod.name]

    def end_job(self, job: Job) -> None:
        own = [one.pod for one in self.pods.values() if one.pod.job_uid == job.uid]
        complete = any(pod.phase == "Succeeded" for pod in own)
        end = JobEnd(complete, "Completed" if complete else "PodFailurePolicy", "over", self.now)
        self._update_job(job.uid, end=end, ready=0)

    def _update_job(self, uid: str, **fields: Any) -> None:
        for name, job in self.jobs.items():
            if job.uid == uid:
                self.jobs[name] = replace(job, **fields)

    # What the rules choose from

    def jobs_without_pod(self) -> list[Job]:
        served = {one.pod.job_uid for one in self.pods.values()}
        return [job for job in self.jobs.values() if job.end is None and job.uid not in served]

    def jobs_about_to_end(self) -> list[Job]:
        served = {one.pod.job_uid for one in self.pods.values()}
        busy = {one.pod.job_uid for one in self.pods.values() if not one.pod.is_over}
        return [j for j in self.jobs.values() if j.end is None and j.uid in served and j.uid not in busy]

    def pods_where(self, **wanted: Any) -> list[ModelPod]:
        return [one for one in self.pods.values() if all(getattr(one.pod, k) == v for k, v in wanted.items())]

    # Operators

    def sync(self, operator: Operator) -> None:
        operator.run, operator.jobs = self.run, tuple(self.jobs.values())

    def step(self, operator: Operator, *, crash_after: int = 99, pause_create: bool = False) -> Plan:
        """One decision from what the operator believes; it dies after so many requests that write."""
        seen = Observed(self.now, WORLD, operator.run, operator.jobs)
        plan = decide(seen)
        while plan.looks:
            looked = self.look(seen, plan.looks, hears_pods=operator.hears_pods)
            assert looked != seen, "a look that has been made is asked for again"
            seen, plan = looked, decide(looked)
        self._apply(seen, plan, crash_after, pause_create=pause_create)
        return plan

    def _apply(self, seen: Observed, plan: Plan, crash_after: int, *, pause_create: bool) -> None:
        if plan.create is not None:
            crash_after -= 1
            if crash_after < 0:
                return
            if pause_create:
                self.late_creates.append(plan.create)
                return
            self.create_job(plan.create)
        for one in plan.delete:
            crash_after -= 1
            if crash_after < 0:
                return
            self.delete_job(one.name, one.uid)
        if plan.status is not None and crash_after > 0 and seen.run is not None:
            self.write_status(seen.run.resource_version, plan.status)
        if plan.remove:
            self.run = None

    def go_on(self, operator: Operator) -> None:
        """Everything happens that is due, but no function ends and no deleted pod is gone."""
        self.now += timedelta(seconds=6)
        for one in self.pods_where(phase="Pending", deleting=False):
            self.run_pod(one)
        self._follow(operator)

    def settle(self, operator: Operator) -> None:
        """Faults are off: events arrive, pods start and end, time goes on."""
        for one in list(self.pods.values()):
            if one.pod.deleting:
                self.remove_pod(one)
            elif one.pod.phase == "Pending":
                self.run_pod(one)
            elif one.pod.phase == "Running":
                self.return_from(one)
        self._follow(operator)
        self.now += timedelta(seconds=2)

    def _follow(self, operator: Operator) -> None:
        """The Job controller and then the operator act on what has happened."""
        for job in self.jobs_about_to_end():
            self.end_job(job)
        for job in self.jobs_without_pod():
            self.start_pod(job)
        self.sync(operator)
        self.step(operator)


def may_be_tried_again(reason: str | None) -> bool:
    """Whether an attempt that ended so may be followed by another one."""
    return reason is not None and MEANING[Reason(reason)].budget.value != "none"
