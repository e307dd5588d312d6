"""Kubernetes JSON as the small records that decisions read.

Total: an object without a name or a UID is None, a TaskRun that does not fit our schema is a Run
with `invalid` set, and anything else that is missing or of the wrong type reads as unset. One
bad object never raises, so it never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final

from pydantic import ValidationError

from ferryman.api import names
from ferryman.api.fields import Model
from ferryman.api.taskrun import TaskRunSpec, TaskRunStatus
from ferryman_operator import sharing
from ferryman_operator.reconcile.observed import ContainerExit, Job, JobEnd, Key, Pod, Run

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MAX_PROBLEM: Final = 1024


def run(raw: Any, *, known: Run | None = None) -> Run | None:
    """The TaskRun in `raw`; `known` is an earlier version, whose spec is shared if it is the same."""
    meta = _part(raw, "metadata")
    name, namespace, uid = _text(meta.get("name")), _text(meta.get("namespace")), _text(meta.get("uid"))
    if not (name and uid):
        return None
    generation = _number(meta.get("generation"))
    spec, spec_problem = _spec(_mapping(raw).get("spec"), uid, generation, known)
    status, status_problem = _status(_mapping(raw).get("status"))
    invalid = spec_problem or status_problem
    return Run(
        key=Key(intern(namespace), name),
        uid=intern(uid),
        resource_version=_text(meta.get("resourceVersion")),
        generation=generation,
        created=_time(meta.get("creationTimestamp")) or _EPOCH,
        deleting=meta.get("deletionTimestamp") is not None,
        spec=None if invalid else spec,
        status=status,
        invalid=invalid,
    )


def job(raw: Any) -> Job | None:
    """The Job in `raw`."""
    meta = _part(raw, "metadata")
    name, uid = _text(meta.get("name")), _text(meta.get("uid"))
    if not (name and uid):
        return None
    status = _part(raw, "status")
    return Job(
        namespace=intern(_text(meta.get("namespace"))),
        name=name,
        uid=uid,
        resource_version=_text(meta.get("resourceVersion")),
        owner_uid=intern(_controller_uid(meta.get("ownerReferences"))),
        attempt=_label_number(_part(meta, "labels").get(names.ATTEMPT_LABEL)),
        created=_time(meta.get("creationTimestamp")) or _EPOCH,
        deleting=meta.get("deletionTimestamp") is not None,
        # The controller says it even where it is not allowed to create the pod.
        begun="startTime" in status,
        ready=_number(status.get("ready")),
        silent=_is_silent(status),
        end=_job_end(status.get("conditions")),
    )


def pod(raw: Any) -> Pod | None:
    """The Pod in `raw`."""
    meta = _part(raw, "metadata")
    name, uid = _text(meta.get("name")), _text(meta.get("uid"))
    if not (name and uid):
        return None
    status = _part(raw, "status")
    container = _runner_status(status.get("containerStatuses"))
    state = _part(container, "state")
    waiting_reason, waiting_message = _waiting(_part(state, "waiting"), status.get("conditions"))
    return Pod(
        name=name,
        uid=uid,
        job_uid=_controller_uid(meta.get("ownerReferences")),
        node=_text(_part(raw, "spec").get("nodeName")),
        phase=_text(status.get("phase")),
        deleting=meta.get("deletionTimestamp") is not None,
        ends_by=_time(meta.get("deletionTimestamp")),
        ready=container.get("ready") is True,
        unreachable=_is_unreachable(container, status.get("conditions")),
        waiting_reason=waiting_reason,
        waiting_message=waiting_message,
        disruption=_text(_condition(status.get("conditions"), "DisruptionTarget", "True").get("reason")),
        status_reason=_text(status.get("reason")),
        status_message=_text(status.get("message")),
        exit=_container_exit(_part(state, "terminated")),
    )


def version(resource_version: str) -> int:
    """A resourceVersion as the number that orders versions of one kind (KEP-5504); -1 if it is none."""
    return int(resource_version) if resource_version.isdecimal() else -1


def _spec(raw: Any, uid: str, generation: int, known: Run | None) -> tuple[TaskRunSpec | None, str]:
    # The API server counts `generation` up with every change of the spec.
    if known is not None and known.spec is not None and (known.uid, known.generation) == (uid, generation):
        return known.spec, ""
    try:
        return sharing.parse(raw), ""
    except (ValidationError, RecursionError, OverflowError) as error:
        return None, _problem("spec", error)


def _status(raw: Any) -> tuple[TaskRunStatus, str]:
    try:
        return TaskRunStatus.model_validate(_known_fields(TaskRunStatus, _mapping(raw))), ""
    except (ValidationError, RecursionError, OverflowError) as error:
        return TaskRunStatus(), _problem("status", error)


def _known_fields(model: type[Model], raw: Mapping[str, Any]) -> dict[str, Any]:
    # A newer operator may have written more before it was rolled back; that alone is no reason to fail runs.
    aliases = _aliases(model)
    return {k: v for k, v in raw.items() if k in aliases}


@lru_cache(maxsize=16)
def _aliases(model: type[Model]) -> frozenset[str]:
    return frozenset(f.alias or name for name, f in model.model_fields.items())


def _problem(part: str, error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{part}: {type(error).__name__}"
    problems = (
        f"{'.'.join(map(str, (part, *e['loc'])))}: {e['msg']}"
        for e in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return "; ".join(problems)[:_MAX_PROBLEM]


def _is_silent(status: Mapping[str, Any]) -> bool:
    alive = _number(status.get("active")) + _number(status.get("terminating"))
    return alive > 0 and not _number(status.get("ready"))


def _is_unreachable(container: Mapping[str, Any], conditions: Any) -> bool:
    return container.get("ready") is True and bool(_condition(conditions, "Ready", "False"))


def _job_end(conditions: Any) -> JobEnd | None:
    # SuccessCriteriaMet and FailureTarget come earlier, while pods may still run; they do not end a Job.
    for kind in ("Complete", "Failed"):
        if found := _condition(conditions, kind, "True"):
            return JobEnd(
                complete=kind == "Complete",
                reason=intern(_text(found.get("reason"))),
                message=intern(_text(found.get("message"))),
                at=_time(found.get("lastTransitionTime")) or _EPOCH,
            )
    return None


def _runner_status(statuses: Any) -> Mapping[str, Any]:
    return next((s for s in _mappings(statuses) if s.get("name") == names.RUNNER_CONTAINER), {})


def _waiting(state: Mapping[str, Any], conditions: Any) -> tuple[str, str]:
    if reason := _text(state.get("reason")):
        return reason, _text(state.get("message"))
    unscheduled = _condition(conditions, "PodScheduled", "False")
    return _text(unscheduled.get("reason")), _text(unscheduled.get("message"))


def _container_exit(terminated: Mapping[str, Any]) -> ContainerExit | None:
    if not terminated:
        return None
    return ContainerExit(
        exit_code=_number(terminated.get("exitCode")),
        reason=_text(terminated.get("reason")),
        message=_text(terminated.get("message")),
        started=_time(terminated.get("startedAt")),
        finished=_time(terminated.get("finishedAt")),
    )


def _controller_uid(references: Any) -> str:
    return next((_text(r.get("uid")) for r in _mappings(references) if r.get("controller") is True), "")


def _condition(conditions: Any, kind: str, status: str) -> Mapping[str, Any]:
    return next((c for c in _mappings(conditions) if c.get("type") == kind and c.get("status") == status), {})


def _label_number(value: Any) -> int:
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10
        else 0
    )


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return (v for v in value if isinstance(v, Mapping)) if isinstance(value, list) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _part(value: Any, name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(value).get(name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
