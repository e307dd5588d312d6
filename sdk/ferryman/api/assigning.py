"""What a runner is told, made of its TaskRun: by the operator for a Job, by a worker for itself. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from ferryman.api import durations
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, BlobRef, EarlierAttempt, Mode, ResultRef, RunEnding
from ferryman.api.taskrun import ArgumentBlob, Blob, Result, ResultOptions, TaskRunSpec, TaskRunStatus


class Whose(NamedTuple):
    """Which attempt of which run, and the name of its Job, or of its worker."""

    namespace: str
    run: str
    uid: str
    attempt: int
    job: str


def assignment(
    whose: Whose, spec: TaskRunSpec, status: TaskRunStatus, *, not_after: float | None = None
) -> Assignment:
    """What to do. `status` is as it was before the attempt; `not_after` is seconds since the epoch."""
    return Assignment(
        namespace=whose.namespace,
        run=whose.run,
        uid=whose.uid,
        attempt=whose.attempt,
        job=whose.job,
        task=spec.task.name,
        code=_blob(spec.function.blob),
        entrypoint=spec.function.entrypoint,
        arguments=_blob(spec.parameters.blob),
        values=spec.parameters.values,
        timeout=durations.parse(spec.timeout).total_seconds(),
        not_after=not_after,
        serializer=spec.result.serializer,
        retries_left=status.retries_used < spec.retry.retries,
        earlier=tuple(EarlierAttempt(row.number, row.job_uid) for row in status.attempts),
        log_prints=spec.log_prints,
        **_cache(spec.result),
        hooks=tuple(spec.hooks),
        infrastructure_retries_left=(status.infrastructure_retries_used < spec.retry.infrastructure_retries),
    )


def of_hooks(
    whose: Whose, spec: TaskRunSpec, status: TaskRunStatus, *, not_after: float | None = None
) -> Assignment:
    """What to do where only hooks are to be called, of a run that ended with this status. No arguments."""
    return replace(
        assignment(whose, spec, status, not_after=not_after),
        attempt=status.attempt_count,
        mode=Mode.HOOKS,
        ending=_ending(whose.uid, status),
        arguments=None,
        values=None,
        timeout=None,
        earlier=(),
        retries_left=False,
        infrastructure_retries_left=False,
    )


def hooks_begin_by(spec: TaskRunSpec, finished_at: datetime) -> datetime:
    """When somebody has to have begun to call the hooks of a run that ended then."""
    return finished_at + durations.parse(spec.start_timeout)


def _ending(uid: str, status: TaskRunStatus) -> RunEnding:
    last = next((one for one in status.conditions if one.type == "Succeeded"), None)
    reason = next((one for one in Reason if last and one == last.reason), Reason.ATTEMPT_LOST)
    return RunEnding(reason, last.message if last else "", _result(uid, status.result))


def _result(uid: str, found: Result | None) -> ResultRef | None:
    if found is None:
        return None
    return ResultRef(found.sha256, found.size, found.serializer, found.uid or uid, found.attempt)


def _cache(result: ResultOptions) -> dict[str, Any]:
    lasts = result.cache_expiration
    return {
        "cache_key": result.cache_key,
        "cache_scope": result.cache_scope or "",
        "cache_expiration": durations.parse(lasts).total_seconds() if lasts else None,
        "refresh_cache": result.refresh_cache,
    }


def _blob(blob: Blob | None) -> BlobRef | None:
    if blob is None:
        return None
    if isinstance(blob, ArgumentBlob):
        return BlobRef(blob.sha256, blob.size, blob.offset, blob.object or "")
    return BlobRef(blob.sha256, blob.size)
