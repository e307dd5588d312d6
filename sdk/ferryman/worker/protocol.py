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
from ferryman.api.fields import Model
from ferryman.api.phases import TERMINAL, Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, Report, Upstream, encode_report
from ferryman.api.taskrun import TaskRunSpec, TaskRunStatus
from ferryman.cluster import Object

STORE: Final = "default"
"""The store of the runs that a worker takes: clients and workers know one, and by this name."""

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


def attempt_to_claim(run: Object, entrypoints: Collection[str]) -> int | None:
    """The attempt of the run that may be claimed now; None if none may."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    result = spec.get("result") or {}
    if spec.get("executor") != "Worker" or spec.get("function", {}).get("entrypoint") not in entrypoints:
        return None
    is_over = status.get("phase", Phase.PENDING) in TERMINAL or "deletionTimestamp" in run["metadata"]
    if is_over or spec.get("cancelRequested") or status.get("lease") or result.get("store", STORE) != STORE:
        return None
    due = _due(status.get("attempts") or ())
    if status.get("offeredAttempt") == due:
        return due
    waits = spec.get("dependsOn") or spec.get("startAt") or result.get("hit")
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


def assignment(run: Object, claim: Claim, worker: str) -> Assignment:
    """What the runner of the attempt has to do. Raises ValueError if this version cannot read the run."""
    try:
        spec = TaskRunSpec.model_validate(_known(TaskRunSpec, run["spec"]))
        status = TaskRunStatus.model_validate(_known(TaskRunStatus, run.get("status") or {}))
    except ValidationError as error:
        raise ValueError(f"this version of ferryman cannot read the run: {error}") from None
    whose = Whose(run["metadata"]["namespace"], claim.name, claim.uid, claim.attempt, worker)
    return assigning.assignment(whose, spec, status)


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


def _due(rows: Sequence[Mapping[str, Any]]) -> int:
    if not rows:
        return 1
    last: int = rows[-1]["number"]
    return last if rows[-1].get("outcome") is None else last + 1


def _known(model: type[Model], raw: Mapping[str, Any]) -> dict[str, Any]:
    # A newer CRD may have more; that alone is no reason to leave the run to nobody.
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    return {name: value for name, value in raw.items() if name in aliases}
