"""Which runs a worker may claim, what it writes, and what it is told. Pure; see docs/decisions/0006."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from pydantic import ValidationError

from ferryman import runs
from ferryman.api import assigning, names
from ferryman.api.assigning import Whose
from ferryman.api.checked import clean
from ferryman.api.fields import Model
from ferryman.api.hooks import MAX_HOOKS_MESSAGE_CHARACTERS, HooksReport
from ferryman.api.phases import TERMINAL, HooksState, Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, Report, Upstream, decode_report, encode_report
from ferryman.api.taskrun import TaskRunSpec, TaskRunStatus
from ferryman.cluster import Object

FENCE: Final = 0.9
"""Of a lease's duration: how long after a renewal the worker still trusts it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold of one attempt of a run."""

    name: str
    uid: str
    attempt: int
    token: str


class Standing(Enum):
    """What a run's object says to the worker that has claimed it."""

    HELD = "held"
    STOP = "stop"
    """To be stopped and reported."""
    LOST = "lost"
    """Not ours any more, or over: to be stopped, and nobody to be told."""


def selector(entrypoints: Collection[str]) -> str:
    """The label selector of the runs of these tasks."""
    values = ",".join(sorted({names.served_value(one) for one in entrypoints}))
    return f"{names.SERVED_LABEL} in ({values})"


def attempt_to_claim(run: Object, entrypoints: Collection[str], store: str) -> int | None:
    """The attempt of the run that may be claimed now; None if none may. `store` is the name of ours."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    if not _is_for(spec, entrypoints, store):
        return None
    is_over = status.get("phase", Phase.PENDING) in TERMINAL or "deletionTimestamp" in run["metadata"]
    if is_over or spec.get("cancelRequested") or status.get("lease"):
        return None
    due = _due(status.get("attempts") or ())
    if status.get("offeredAttempt") == due:
        return due
    waits = spec.get("dependsOn") or spec.get("startAt") or (spec.get("result") or {}).get("hit")
    return due if due == 1 and not waits else None


def claim_patch(run: Object, claim: Claim, worker: str, duration: int, now: float) -> Object:
    """The merge-patch that claims, or conflicts if the run is not as it was."""
    lease = {
        "worker": worker,
        "token": claim.token,
        "attempt": claim.attempt,
        "acquiredAt": moment(now),
        "durationSeconds": duration,
    }
    meta = {"uid": claim.uid, "resourceVersion": run["metadata"]["resourceVersion"]}
    return {"metadata": meta, "status": {"lease": lease}}


def report_patch(claim: Claim, report: bytes) -> list[Object]:
    """The JSON patch that reports, or is refused if the lease is not ours any more."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": claim.uid},
        {"op": "test", "path": "/status/lease/token", "value": claim.token},
        {"op": "add", "path": "/status/lease/report", "value": report.decode()},
    ]


def standing(run: Object, claim: Claim) -> Standing:
    """What the run says of our claim."""
    status = run.get("status") or {}
    lease = status.get("lease") or {}
    is_over = status.get("phase", Phase.PENDING) in TERMINAL
    if is_over or run["metadata"]["uid"] != claim.uid or lease.get("token") != claim.token:
        return Standing.LOST
    rows: Sequence[Mapping[str, Any]] = status.get("attempts") or ()
    is_marked = any(row.get("jobUID") == claim.token and row.get("reason") for row in rows[-1:])
    return Standing.STOP if is_marked or run["spec"].get("cancelRequested") else Standing.HELD


def unreported(run: Object) -> str:
    """The token of the claim that has not been reported; "" where there is none."""
    lease = (run.get("status") or {}).get("lease") or {}
    return "" if lease.get("report") else str(lease.get("token", ""))


def is_later(run: Object, version: str) -> bool:
    """Whether the object is from after this resourceVersion."""
    found = str(run["metadata"].get("resourceVersion", ""))
    return found.isdecimal() and version.isdecimal() and int(found) > int(version)


def have_hooks_to_call(run: Object, entrypoints: Collection[str], store: str, now: float) -> bool:
    """Whether the run has ended, and its hooks may be taken now, in seconds since the epoch."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    wait = (status.get("hooks") or {}).get("state") == HooksState.WANTED
    if not (_is_for(spec, entrypoints, store) and wait) or "deletionTimestamp" in run["metadata"]:
        return False
    try:
        return now < _hooks_begin_by(*_read(run))
    except ValueError:
        return False


def hooks_claim_patch(run: Object, claim: Claim, worker: str) -> Object:
    """The merge-patch that takes the hooks, or conflicts if the run is not as it was."""
    meta = {"uid": claim.uid, "resourceVersion": run["metadata"]["resourceVersion"]}
    return {"metadata": meta, "status": {"hooks": _hooks(HooksState.STARTED, claim, worker)}}


def have_taken_hooks(run: Object, claim: Claim) -> bool:
    """Whether the claim has the hooks of the run."""
    hooks = (run.get("status") or {}).get("hooks") or {}
    return run["metadata"]["uid"] == claim.uid and hooks.get("jobUID") == claim.token


def hooks_report_patch(claim: Claim, worker: str, report: bytes) -> list[Object]:
    """The JSON patch that says what came of the hooks, or is refused if they are not ours any more."""
    said = decode_report(report.decode())
    found = said.hooks or HooksReport(called=False, message=said.message)
    state = HooksState.CALLED if found.called else HooksState.NOT_CALLED
    message = clean(found.message, MAX_HOOKS_MESSAGE_CHARACTERS)
    hooks = _hooks(state, claim, worker) | ({"message": message} if message else {})
    return [
        {"op": "test", "path": "/metadata/uid", "value": claim.uid},
        {"op": "test", "path": "/status/hooks/jobUID", "value": claim.token},
        {"op": "replace", "path": "/status/hooks", "value": hooks},
    ]


def _hooks(state: HooksState, claim: Claim, worker: str) -> Object:
    return {"state": state.value, "jobUID": claim.token, "worker": worker}


def assignment(run: Object, claim: Claim, worker: str) -> Assignment:
    """What the runner of the attempt has to do. Raises ValueError if this version cannot read the run."""
    spec, status = _read(run)
    return assigning.assignment(_whose(run, claim, worker), spec, status)


def hooks_assignment(run: Object, claim: Claim, worker: str) -> Assignment:
    """The same, of a child that calls hooks."""
    spec, status = _read(run)
    until = _hooks_begin_by(spec, status)
    return assigning.of_hooks(_whose(run, claim, worker), spec, status, not_after=until)


def _hooks_begin_by(spec: TaskRunSpec, status: TaskRunStatus) -> float:
    # By the operator's clock and ours. It gives them up later than that, by more than clocks should differ.
    ended = status.finished_at or datetime.fromtimestamp(0, UTC)
    return assigning.hooks_begin_by(spec, ended).timestamp()


def _read(run: Object) -> tuple[TaskRunSpec, TaskRunStatus]:
    try:
        spec = TaskRunSpec.model_validate(_known(TaskRunSpec, run["spec"]))
        status = TaskRunStatus.model_validate(_known(TaskRunStatus, run.get("status") or {}))
    except ValidationError as error:
        raise ValueError(f"this version of ferryman cannot read the run: {error}") from None
    return spec, status


def _whose(run: Object, claim: Claim, worker: str) -> Whose:
    return Whose(run["metadata"]["namespace"], claim.name, claim.uid, claim.attempt, worker)


def upstream(run: Object) -> Upstream:
    """How a run in `dependsOn` ended."""
    seen = runs.view(run)
    result = seen.result
    return Upstream(
        name=seen.name,
        uid=seen.uid,
        attempt=result.attempt if result else 0,
        sha256=result.sha256 if result else "",
        size=result.size if result else 0,
        completed=seen.phase is Phase.COMPLETED,
        reason=seen.reason,
    )


def report(claim: Claim, reason: Reason, message: str) -> bytes:
    """The report of an attempt whose runner left none."""
    return encode_report(Report(uid=claim.uid, attempt=claim.attempt, reason=reason, message=message))


def lease(worker: str, namespace: str, duration: int, now: float) -> Object:
    """The worker's Lease."""
    spec = {
        "holderIdentity": worker,
        "leaseDurationSeconds": duration,
        "acquireTime": micro(now),
        "renewTime": micro(now),
    }
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": worker,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "ferryman", "app.kubernetes.io/component": "worker"},
        },
        "spec": spec,
    }


def renewal(now: float) -> Object:
    """The merge-patch that renews it."""
    return {"spec": {"renewTime": micro(now)}}


def moment(seconds: float) -> str:
    """Seconds since the epoch as a TaskRun has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def micro(seconds: float) -> str:
    """The same as a Lease has them: always with six decimals."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _is_for(spec: Mapping[str, Any], entrypoints: Collection[str], store: str) -> bool:
    is_served = spec.get("executor") == "Worker" and spec.get("function", {}).get("entrypoint") in entrypoints
    return is_served and (spec.get("result") or {}).get("store", names.DEFAULT_STORE) == store


def _due(rows: Sequence[Mapping[str, Any]]) -> int:
    if not rows:
        return 1
    last: int = rows[-1]["number"]
    return last if rows[-1].get("outcome") is None else last + 1


def _known(model: type[Model], raw: Mapping[str, Any]) -> dict[str, Any]:
    # A newer CRD may have more; that alone is no reason to leave the run to nobody.
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    return {name: value for name, value in raw.items() if name in aliases}
