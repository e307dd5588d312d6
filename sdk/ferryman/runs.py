"""A TaskRun as the SDK reads it: a view of the JSON without pydantic. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryman.api import names
from ferryman.api.phases import Phase


@dataclass(frozen=True)
class Attempt:
    """A row of the ledger: one execution of the function, or what came of it."""

    number: int
    outcome: str = ""
    reason: str = ""
    message: str = ""
    job_name: str = ""
    worker: str = ""
    """The worker that had it, of a served task."""
    pod_name: str = ""
    node_name: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class StoredResult:
    """Where a result (or failure) blob is, and the digest that it must have."""

    sha256: str
    size: int
    attempt: int
    serializer: str
    cached: bool = False
    uid: str = ""
    """Of the run that left it, if that was another one."""


@dataclass(frozen=True, repr=False)
class Run:
    """One TaskRun at one moment: its phase and reason, and a row for each attempt.

    From `list_runs()` and `future.run`. It does not change: ask again for a later one.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    task: str
    phase: Phase
    reason: str = ""
    message: str = ""
    changed_at: datetime | None = None
    cancel_requested: bool = False
    attempts: tuple[Attempt, ...] = ()
    result: StoredResult | None = None
    tags: str = ""
    submission: str = ""
    client: str = ""
    """The id of the client that created it, for `kubectl get taskruns -l ferryman.dev/client=ID`."""

    def __repr__(self) -> str:
        """Which run, and where it is; not all of its fields, as lists of runs are printed."""
        why = f" {self.reason}" if self.reason not in ("", self.phase.value) else ""
        return f"<Run {self.name} {self.phase.value}{why}>"

    def is_older_than(self, other: Run) -> bool:
        """Whether the API server wrote `other` later, as far as their versions tell."""
        mine, others = self.resource_version, other.resource_version
        return mine.isdigit() and others.isdigit() and int(mine) < int(others)

    @property
    def is_over(self) -> bool:
        """Whether its phase is terminal."""
        return self.phase.is_terminal


def view(manifest: Mapping[str, Any]) -> Run:
    """The run in a TaskRun's JSON. A phase that this version does not know reads as Pending."""
    meta, spec, status = manifest["metadata"], manifest.get("spec", {}), manifest.get("status") or {}
    condition: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == "Succeeded"), {}
    )
    annotations = meta.get("annotations") or {}
    return Run(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        task=spec.get("task", {}).get("name", ""),
        phase=_phase(status.get("phase")),
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        changed_at=_moment(condition.get("lastTransitionTime")),
        cancel_requested=bool(spec.get("cancelRequested")),
        attempts=tuple(_attempt(row) for row in status.get("attempts") or ()),
        result=_result(status.get("result")),
        tags=annotations.get(names.TAGS_ANNOTATION, ""),
        submission=annotations.get(names.SUBMISSION_ANNOTATION, ""),
        client=(meta.get("labels") or {}).get(names.CLIENT_LABEL, ""),
    )


def attempt_order(pod: Mapping[str, Any]) -> tuple[int, str]:
    """What orders the pods of a run, in their JSON, by attempt and then by age."""
    meta = pod["metadata"]
    number = (meta.get("labels") or {}).get(names.ATTEMPT_LABEL, "0")
    return int(number) if number.isdigit() else 0, meta.get("creationTimestamp", "")


def _phase(text: str | None) -> Phase:
    try:
        return Phase(text or Phase.PENDING)
    except ValueError:
        return Phase.PENDING


def _attempt(row: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=row["number"],
        outcome=row.get("outcome") or "",
        reason=row.get("reason") or "",
        message=row.get("message") or "",
        job_name=row.get("jobName") or "",
        worker=row.get("worker") or "",
        pod_name=row.get("podName") or "",
        node_name=row.get("nodeName") or "",
        exit_code=row.get("exitCode"),
    )


def _result(found: Mapping[str, Any] | None) -> StoredResult | None:
    if not found:
        return None
    return StoredResult(
        sha256=found["sha256"],
        size=found["size"],
        attempt=found["attempt"],
        serializer=found.get("serializer", "auto"),
        cached=bool(found.get("cached", False)),
        uid=found.get("uid") or "",
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
