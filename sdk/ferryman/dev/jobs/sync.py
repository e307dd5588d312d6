"""What a Job controller does about one Job: values in, values out.

It follows Kubernetes 1.31 and later, where the Job's fate (`SuccessCriteriaMet`, `FailureTarget`)
is told before its end (`Complete`, `Failed`), and the end only once every pod has ended. Not
followed: indexed Jobs, and the exponential backoff between the pods of one Job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ferryman.dev.apiserver import moments
from ferryman.dev.jobs import failure_policy
from ferryman.dev.jobs.pods import is_uncounted
from ferryman.dev.node import pod_status

Object = dict[str, Any]

_ENDS: Final = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


@dataclass(frozen=True, slots=True)
class Fate:
    """A condition that decides how a Job ends: of type SuccessCriteriaMet or FailureTarget."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sync:
    """What to do, in the order of the fields. `release` and `stop` are names of pods.

    `release`d pods have been counted in `status`, so they lose the tracking finalizer after it is
    written. `again` asks for another look at once, `wake_at` for one at that moment.
    """

    create: int = 0
    stop: tuple[str, ...] = ()
    status: Object | None = None
    release: tuple[str, ...] = ()
    remove: bool = False
    again: bool = False
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Tally:
    active: tuple[Object, ...]
    terminating: tuple[Object, ...]
    succeeded: tuple[Object, ...]
    failed: tuple[Object, ...]

    @property
    def is_quiet(self) -> bool:
        return not (self.active or self.terminating)


def sync(job: Mapping[str, Any], pods: Sequence[Object], now: datetime) -> Sync:
    """What to do about `job`, whose pods are `pods`."""
    if job["metadata"].get("deletionTimestamp"):
        return Sync(release=_names(pod for pod in pods if is_uncounted(pod)))
    status: Object = job.get("status") or {}
    if _end(status) is not None:
        return _after_the_end(job, status, pods, now)
    tally = _tally(pods)
    if job["spec"].get("suspend") and _fate(status) is None:
        return _suspended(status, tally, now)
    return _running(job, status, tally, now)


def _running(job: Mapping[str, Any], status: Object, tally: _Tally, now: datetime) -> Sync:
    counted = _resumed(_count(status, tally, job["spec"].get("podFailurePolicy")), now)
    counted.setdefault("startTime", moments.render(now))
    told = _fate(status)
    fate = told or _decide(job["spec"], counted, tally, now)
    missing = 0 if fate else _missing(job["spec"], counted, tally)
    counted |= {
        "active": len(tally.active) + missing,
        "ready": sum(map(pod_status.is_ready, tally.active)),
        "terminating": len(tally.terminating),
    }
    if fate and not told:
        counted = _with_condition(counted, fate.type, fate, now)
    elif fate and tally.is_quiet:
        counted = _ended(counted, fate, now)
    return Sync(
        create=missing,
        stop=_names(tally.active) if fate else (),
        status=_if_changed(status, counted),
        release=_names((*tally.succeeded, *tally.failed)),
        again=bool(fate and not told),
        wake_at=_deadline(job["spec"], counted),
    )


def _decide(spec: Mapping[str, Any], status: Object, tally: _Tally, now: datetime) -> Fate | None:
    for pod in tally.failed:
        match = failure_policy.match(spec.get("podFailurePolicy"), pod)
        if match and match.action == "FailJob":
            return Fate("FailureTarget", "PodFailurePolicy", match.message)
    if status.get("failed", 0) > spec.get("backoffLimit", 6):
        return Fate("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = _deadline(spec, status)
    if deadline and now >= deadline:
        return Fate("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
    if status.get("succeeded", 0) >= spec.get("completions", 1):
        return Fate("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def _tally(pods: Sequence[Object]) -> _Tally:
    going = [pod for pod in pods if not pod_status.is_over(pod)]
    uncounted = [pod for pod in pods if pod_status.is_over(pod) and is_uncounted(pod)]
    return _Tally(
        active=tuple(pod for pod in going if not pod_status.is_deleting(pod)),
        terminating=tuple(pod for pod in going if pod_status.is_deleting(pod)),
        succeeded=tuple(pod for pod in uncounted if pod_status.phase(pod) == "Succeeded"),
        failed=tuple(pod for pod in uncounted if pod_status.phase(pod) == "Failed"),
    )


def _count(status: Object, tally: _Tally, policy: Mapping[str, Any] | None) -> Object:
    matches = [failure_policy.match(policy, pod) for pod in tally.failed]
    failed = sum(1 for match in matches if match is None or match.action != "Ignore")
    counted = {**status, "uncountedTerminatedPods": {}}
    for name, more in (("succeeded", len(tally.succeeded)), ("failed", failed)):
        if more:
            counted[name] = status.get(name, 0) + more
    return counted


def _missing(spec: Mapping[str, Any], status: Object, tally: _Tally) -> int:
    wanted = min(spec.get("parallelism", 1), spec.get("completions", 1) - status.get("succeeded", 0))
    occupied = len(tally.active)
    if spec.get("podReplacementPolicy") == "Failed" or spec.get("podFailurePolicy"):
        occupied += len(tally.terminating)
    return max(0, int(wanted) - occupied)


def _suspended(status: Object, tally: _Tally, now: datetime) -> Sync:
    after = {name: value for name, value in _count(status, tally, None).items() if name != "startTime"}
    after |= {"active": len(tally.active), "ready": 0, "terminating": len(tally.terminating)}
    if not _is_suspended(status):
        after = _with_condition(after, "Suspended", Fate("", "JobSuspended", "Job suspended"), now)
    return Sync(
        stop=_names(tally.active),
        status=_if_changed(status, after),
        release=_names((*tally.succeeded, *tally.failed)),
    )


def _is_suspended(status: Object) -> bool:
    return any(one["type"] == "Suspended" and one["status"] == "True" for one in _conditions(status))


def _resumed(status: Object, now: datetime) -> Object:
    if not _is_suspended(status):
        return status
    return _with_condition(status, "Suspended", Fate("", "JobResumed", "Job resumed"), now, value="False")


def _after_the_end(job: Mapping[str, Any], status: Object, pods: Sequence[Object], now: datetime) -> Sync:
    release = _names(pod for pod in pods if is_uncounted(pod))
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    if ttl is None:
        return Sync(release=release)
    end = _end(status)
    assert end is not None
    expiry = moments.parse(end["lastTransitionTime"]) + timedelta(seconds=ttl)
    return Sync(release=release, remove=now >= expiry, wake_at=expiry)


def _ended(status: Object, fate: Fate, now: datetime) -> Object:
    ended = _with_condition(status, _ENDS[fate.type], fate, now)
    return ended | {"completionTime": moments.render(now)} if fate.type == "SuccessCriteriaMet" else ended


def _deadline(spec: Mapping[str, Any], status: Object) -> datetime | None:
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is None or "startTime" not in status:
        return None
    return moments.parse(status["startTime"]) + timedelta(seconds=seconds)


def _fate(status: Object) -> Fate | None:
    for one in _conditions(status):
        if one["type"] in _ENDS and one["status"] == "True":
            return Fate(one["type"], one.get("reason", ""), one.get("message", ""))
    return None


def _end(status: Object) -> Object | None:
    ends = [one for one in _conditions(status) if one["type"] in _ENDS.values() and one["status"] == "True"]
    return ends[0] if ends else None


def _with_condition(status: Object, kind: str, why: Fate, now: datetime, *, value: str = "True") -> Object:
    condition = {
        "type": kind,
        "status": value,
        "reason": why.reason,
        "message": why.message,
        "lastProbeTime": moments.render(now),
        "lastTransitionTime": moments.render(now),
    }
    others = [one for one in _conditions(status) if one["type"] != kind]
    return {**status, "conditions": [*others, condition]}


def _conditions(status: Object) -> list[Object]:
    return list(status.get("conditions") or ())


def _if_changed(before: Object, after: Object) -> Object | None:
    return after if after != before else None


def _names(pods: Any) -> tuple[str, ...]:
    return tuple(pod["metadata"]["name"] for pod in pods)
