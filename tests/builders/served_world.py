"""One served run, workers that claim it by the real protocol, operators that decide by the real rules.

Everybody may see it late. Modelled is what safety depends on: resourceVersions, the report's test of the
token, claims in the store, Leases, and the fence at which a worker's children are killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from builders.runs import SHA, T0, UID, WORLD, ARun
from ferryman.api.hooks import HooksReport
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report
from ferryman.api.taskrun import Hooks, Lease, TaskRunStatus
from ferryman.worker import protocol
from ferryman.worker.protocol import Claim, Standing
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import Observed, Run
from ferryman_operator.reconcile.plan import Look, Plan
from ferryman_operator.workers import Workers, lease_key

DURATION = 15
ENTRYPOINTS = frozenset({"reports:build"})


@dataclass
class Errand:
    """What a worker does with a claim. `calls` while the function runs."""

    claim: Claim
    earlier: tuple[tuple[int, str], ...]
    calls: bool = False
    begun: bool = False
    report: bytes = b""


@dataclass
class Worker:
    """What one worker believes, and does."""

    name: str
    view: dict[str, Any] = field(default_factory=dict)
    errand: Errand | None = None
    renewed: datetime = T0
    is_paused: bool = False
    is_dead: bool = False
    hooks: Errand | None = None

    @property
    def fence(self) -> datetime:
        return self.renewed + timedelta(seconds=DURATION * protocol.FENCE)

    @property
    def acts(self) -> bool:
        return not (self.is_paused or self.is_dead)


@dataclass
class Operator:
    """What one operator believes."""

    run: Run
    workers: Workers = field(default_factory=Workers)


@dataclass
class ServedWorld:
    """The truth."""

    start: ARun
    now: datetime = T0
    workers: list[Worker] = field(default_factory=list)
    claims: dict[int, str] = field(default_factory=dict)
    executions: list[int] = field(default_factory=list)
    hooks_claim: str = ""
    hook_calls: int = 0
    returned: set[int] = field(default_factory=set)
    versions: list[TaskRunStatus] = field(default_factory=list)
    leases: dict[str, datetime] = field(default_factory=dict)
    writes: int = 0
    serial: int = 0

    def __post_init__(self) -> None:
        self.run = replace(self.start.run, resource_version="1")
        self.versions.append(self.run.status)

    # The API server

    def store(self, status: TaskRunStatus) -> None:
        status = TaskRunStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.run = replace(self.run, status=status, resource_version=str(int(self.run.resource_version) + 1))
        self.versions.append(status)
        self.writes += 1

    def json(self) -> dict[str, Any]:
        spec, status = self.run.spec, self.run.status
        assert spec is not None
        return {
            "metadata": {
                "name": self.run.key.name,
                "namespace": self.run.key.namespace,
                "uid": UID,
                "resourceVersion": self.run.resource_version,
            },
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }

    def cancel(self) -> None:
        spec = self.run.spec
        assert spec is not None
        version = str(int(self.run.resource_version) + 1)
        self.run = replace(
            self.run, spec=spec.model_copy(update={"cancel_requested": True}), resource_version=version
        )

    # Operators

    def sync(self, operator: Operator) -> None:
        operator.run = self.run

    def decide(self, operator: Operator) -> Plan:
        seen = Observed(
            now=self.now, world=WORLD, run=operator.run, renewal=operator.workers.of(operator.run)
        )
        for _ in range(6):
            plan = decide(seen)
            if not plan.looks:
                return plan
            seen = self._look(operator, seen, plan.looks)
        raise AssertionError("it looks for ever")

    def _look(self, operator: Operator, seen: Observed, looks: frozenset[Look]) -> Observed:
        if Look.RUN in looks:
            operator.run = self.run
            seen = replace(seen, run=self.run, fresh=True)
        if Look.PODS in looks:
            seen = replace(seen, pods=())
        if Look.LEASE in looks:
            key = lease_key(seen.run)
            assert key is not None
            renewed = self.leases.get(key.name)
            found = None if renewed is None else {"spec": {"renewTime": renewed.isoformat()}}
            operator.workers.note(key, found, self.now)
        return replace(seen, renewal=operator.workers.of(seen.run))

    def step(self, operator: Operator) -> Plan:
        plan = self.decide(operator)
        if plan.status is not None and operator.run.resource_version == self.run.resource_version:
            self.store(plan.status)
            operator.run = self.run
        return plan

    # Workers

    def hire(self) -> Worker:
        self.serial += 1
        worker = Worker(f"worker-{self.serial}", renewed=self.now)
        self.leases[worker.name] = self.now
        self.workers.append(worker)
        return worker

    def renew(self, worker: Worker) -> None:
        worker.renewed = self.leases[worker.name] = self.now

    def see(self, worker: Worker) -> None:
        """News reach a worker: it stops what it should not do."""
        worker.view = self.json()
        errand = worker.errand
        if errand is None or errand.report:
            return
        if protocol.standing(worker.view, errand.claim) is not Standing.HELD:
            self.end(worker, Reason.RUNNER_KILLED)

    def claim(self, worker: Worker) -> bool:
        attempt = protocol.attempt_to_claim(worker.view, ENTRYPOINTS, "default") if worker.view else None
        if attempt is None or worker.errand is not None or self.now >= worker.fence:
            return False
        self.serial += 1
        claim = Claim(self.run.key.name, UID, attempt, f"token-{self.serial}")
        patch = protocol.claim_patch(worker.view, claim, worker.name, DURATION, self.now.timestamp())
        if patch["metadata"]["resourceVersion"] != self.run.resource_version:
            return False
        earlier = tuple((row.number, row.job_uid) for row in self.run.status.attempts)
        lease = Lease.model_validate(patch["status"]["lease"])
        self.store(self.run.status.model_copy(update={"lease": lease}))
        worker.errand = Errand(claim, earlier)
        return True

    def begin(self, worker: Worker) -> None:
        """The child takes the store's claim, as `ferryman.runner.claim` does, and calls the function."""
        errand = worker.errand
        assert errand is not None
        errand.begun = True
        known = {token for _, token in errand.earlier} | {errand.claim.token}
        for number, _ in errand.earlier:
            if self.claims.setdefault(number, errand.claim.token) not in known:
                self.end(worker, Reason.LEDGER_INCONSISTENT)
                return
        if self.claims.setdefault(errand.claim.attempt, errand.claim.token) != errand.claim.token:
            self.end(worker, Reason.CLAIM_LOST)
            return
        errand.calls = True
        self.executions.append(errand.claim.attempt)

    def end(self, worker: Worker, reason: Reason) -> None:
        errand = worker.errand
        assert errand is not None
        result = hooks = None
        if reason is Reason.COMPLETED:
            self.returned.add(errand.claim.attempt)
            result = ResultRef(SHA, 12, "json")
            hooks = self._called_by(errand.claim.token)
        errand.calls, errand.begun = False, True
        errand.report = encode_report(Report(UID, errand.claim.attempt, reason, result=result, hooks=hooks))

    def report(self, worker: Worker, *, again: bool = False) -> None:
        errand = worker.errand
        assert errand is not None
        _, test, add = protocol.report_patch(errand.claim, errand.report)
        lease, status = self.run.status.lease, self.run.status
        if lease is not None and lease.token == test["value"] and not status.phase.is_terminal:
            self.store(status.model_copy(update={"lease": lease.model_copy(update={"report": add["value"]})}))
        if not again:
            worker.errand = None

    def take_hooks(self, worker: Worker) -> bool:
        """The run has ended and its hooks wait: the worker writes that it has them."""
        now = self.now.timestamp()
        if not worker.view or worker.hooks is not None or self.now >= worker.fence:
            return False
        if not protocol.have_hooks_to_call(worker.view, ENTRYPOINTS, "default", now):
            return False
        self.serial += 1
        claim = Claim(self.run.key.name, UID, 0, f"token-{self.serial}")
        patch = protocol.hooks_claim_patch(worker.view, claim, worker.name)
        if patch["metadata"]["resourceVersion"] != self.run.resource_version:
            return False
        self.store_hooks(patch["status"]["hooks"])
        worker.hooks = Errand(claim, ())
        return True

    def call_hooks(self, worker: Worker) -> None:
        """As `ferryman.runner.hooks.Caller` does, in a child of the worker."""
        errand = worker.hooks
        assert errand is not None
        report = Report(UID, 0, Reason.COMPLETED, hooks=self._called_by(errand.claim.token))
        errand.report, errand.begun = encode_report(report), True

    def _called_by(self, token: str) -> HooksReport:
        self.hooks_claim = self.hooks_claim or token
        self.hook_calls += self.hooks_claim == token
        return HooksReport(called=True)

    def report_hooks(self, worker: Worker) -> None:
        errand, known = worker.hooks, self.run.status.hooks
        assert errand is not None
        _, test, replace_ = protocol.hooks_report_patch(errand.claim, worker.name, errand.report)
        if known is not None and known.job_uid == test["value"] and not known.state.is_settled:
            self.store_hooks(replace_["value"])
        worker.hooks = None

    def store_hooks(self, hooks: dict[str, Any]) -> None:
        self.store(self.run.status.model_copy(update={"hooks": Hooks.model_validate(hooks)}))

    def die(self, worker: Worker) -> None:
        worker.is_dead, worker.errand, worker.hooks = True, None, None

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for worker in self.workers:
            errand = worker.errand
            # Its supervisor sees to it, whatever the worker itself does.
            if errand is not None and not errand.report and self.now >= worker.fence:
                self.end(worker, Reason.RUNNER_KILLED)

    # Both

    @property
    def calls(self) -> int:
        return sum(one.errand is not None and one.errand.calls for one in self.workers)

    def settle(self, operator: Operator) -> None:
        """Everybody does what is to be done, and some time passes."""
        self.sync(operator)
        plan = self.step(operator)
        for worker in [one for one in self.workers if one.acts]:
            self.renew(worker)
            self.see(worker)
            if worker.hooks is not None:
                self.report_hooks(worker) if worker.hooks.begun else self.call_hooks(worker)
            elif worker.errand is None:
                self.claim(worker) or self.take_hooks(worker)
            elif worker.errand.report:
                self.report(worker)
            elif not worker.errand.begun:
                self.begin(worker)
            else:
                self.end(worker, Reason.COMPLETED)
        if plan.is_quiet:
            self.pass_time(2)
