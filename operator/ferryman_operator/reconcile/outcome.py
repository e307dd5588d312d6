"""How an attempt ended, from what is left of it: its report, its pods, its Job.

Total: termination messages, conditions and reports are data that anybody may have written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ferryman.api.hooks import HooksReport
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import ExitCode, InvalidReport, Report, ResultRef, decode_report
from ferryman_operator.reconcile.observed import Job, JobEnd, Pod

SUCCESS: Final = frozenset({Reason.COMPLETED, Reason.CACHED})

NOT_A_RUNNERS: Final = frozenset(
    {
        Reason.JOB_NAME_COLLISION,
        Reason.ADMISSION_DENIED,
        Reason.INVALID_POD_TEMPLATE,
        Reason.DEPENDENCY_NOT_FOUND,
        Reason.DEADLINE_EXCEEDED,
        Reason.CANCELLED,
    }
)
"""What only the operator can know: a report that says so is not believed."""

DISRUPTIONS: Final = {
    "PreemptionByScheduler": Reason.PREEMPTED,
    "EvictionByEvictionAPI": Reason.EVICTED,
    "TerminationByKubelet": Reason.EVICTED,
    "DeletionByTaintManager": Reason.NODE_LOST,
    "DeletionByPodGC": Reason.NODE_LOST,
}
POD_REASONS: Final = {
    "Evicted": Reason.EVICTED,
    "Preempting": Reason.PREEMPTED,
    "NodeLost": Reason.NODE_LOST,
    "NodeShutdown": Reason.NODE_LOST,
    "Terminated": Reason.NODE_LOST,
}
EXIT_CODES: Final = {
    ExitCode.USER_FAILURE: Reason.USER_EXCEPTION,
    # The one failure of which nothing is known but that trying again cannot help.
    ExitCode.PERMANENT_FAILURE: Reason.INVALID_PAYLOAD,
    ExitCode.TIMED_OUT: Reason.TIMEOUT,
    ExitCode.CRASHED: Reason.PROCESS_KILLED,
    ExitCode.TERMINATED: Reason.RUNNER_KILLED,
    137: Reason.RUNNER_KILLED,
}
_EXIT_CODE_IN_CONDITION: Final = re.compile(r"\bexit code (\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. `result` is the result's blob, or the failure's with the exception in it."""

    reason: Reason
    message: str
    result: ResultRef | None = None
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    pod: Pod | None = None
    hooks: HooksReport | None = None
    """What the runner says of the hooks, if it left a report."""

    @property
    def is_success(self) -> bool:
        """Whether the run has its result."""
        return self.reason in SUCCESS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left of an attempt: `end` is None of a Job that is gone, `report` of an unreadable one."""

    uid: str
    attempt: int
    end: JobEnd | None
    pod: Pod | None
    report: Report | None
    complaint: str
    was_running: bool
    was_unreachable: bool = False


def of_job(
    uid: str, job: Job, pods: Sequence[Pod], *, was_running: bool, was_unreachable: bool = False
) -> Ending:
    """How the attempt of an ended Job ended.

    `was_running` says whether its pod was ever seen ready, `was_unreachable` whether its node did
    not answer when it was last looked at.
    """
    own = [pod for pod in pods if pod.job_uid == job.uid]
    left = _gather(uid, job.attempt, job.end, own, was_running=was_running)
    return _of(replace(left, was_unreachable=was_unreachable))


def is_success(uid: str, job: Job, pod: Pod) -> bool:
    """Whether the attempt of an ended Job has succeeded by this pod, whatever other pods of the Job say."""
    return of_job(uid, job, (pod,), was_running=False).is_success


def of_lost_job(uid: str, attempt: int, job_uid: str, pods: Sequence[Pod]) -> Ending:
    """How the attempt of a Job that is gone ended: its pods may still tell. Never a success."""
    own = [pod for pod in pods if pod.job_uid == job_uid]
    return _of(_gather(uid, attempt, None, own, was_running=True))


def of_report(uid: str, attempt: int, text: str) -> Ending:
    """How the attempt of a served run ended, as its worker reports it."""
    try:
        report = decode_report(text)
    except InvalidReport as error:
        return Ending(Reason.INVALID_RUNNER_REPORT, f"The worker's report cannot be read: {error}")
    said = ExitCode.SUCCEEDED if report.reason in SUCCESS else ExitCode.CRASHED
    checked, complaint = _checked(report, uid, attempt, said)
    if checked is None:
        return Ending(Reason.INVALID_RUNNER_REPORT, f"The worker's report is refused: {complaint}.")
    return Ending(
        reason=checked.reason,
        message=checked.message or ("" if checked.reason in SUCCESS else MEANING[checked.reason].happened),
        result=checked.result,
        started=moment(checked.started),
        finished=moment(checked.finished),
        hooks=checked.hooks,
    )


def _gather(
    uid: str, attempt: int, end: JobEnd | None, pods: Sequence[Pod], *, was_running: bool
) -> Evidence:
    # Kubernetes may start a Job's pod twice; the one that did not get the claim has the least to say.
    read = sorted(((pod, *_read(uid, attempt, pod)) for pod in pods), key=lambda one: _weight(one[0], one[1]))
    pod, report, complaint = read[-1] if read else (None, None, "its pod is gone")
    return Evidence(uid, attempt, end, pod, report, complaint, was_running)


def _weight(pod: Pod, report: Report | None) -> tuple[bool, bool, bool, str]:
    said = report is not None and report.reason is not Reason.CLAIM_LOST
    success = report is not None and report.reason in SUCCESS
    return success, said, pod.exit is not None, pod.name


def _read(uid: str, attempt: int, pod: Pod) -> tuple[Report | None, str]:
    if pod.exit is None:
        return None, "the runner did not end by itself"
    try:
        report = decode_report(pod.exit.message)
    except InvalidReport as error:
        unreadable = f"the runner's report cannot be read: {error}"
        return None, unreadable if pod.exit.message else "it left no report"
    return _checked(report, uid, attempt, pod.exit.exit_code)


def _checked(report: Report, uid: str, attempt: int, exit_code: int) -> tuple[Report | None, str]:
    if (report.uid, report.attempt) != (uid, attempt):
        return None, "the runner's report is about another attempt"
    reason, result, succeeded = report.reason, report.result, report.reason in SUCCESS
    if reason in NOT_A_RUNNERS or not MEANING[reason].phase.is_terminal:
        return None, f"the runner's report gives {reason}, which is not its to say"
    if succeeded is not (exit_code == ExitCode.SUCCEEDED):
        return None, f"the runner reported {reason} but exited with code {exit_code}"
    if succeeded and result is None:
        return None, "the runner reported no result"
    if result is not None and result.uid and reason is not Reason.CACHED:
        return None, f"the runner reported {reason} with the result of another run"
    return report, ""


def _of(left: Evidence) -> Ending:
    for rule in (_completed, _reported, _disrupted, _of_the_container, _of_the_condition):
        found = rule(left)
        if found is not None:
            return _ending(left, *found)
    return _ending(left, Reason.ATTEMPT_LOST, f"The Job is gone, and {left.complaint}.")


_Found = tuple[Reason, str]


def _completed(left: Evidence) -> _Found | None:
    """A complete Job is a success if the runner says so too, and nothing else."""
    if left.end is None or not left.end.complete:
        return None
    if left.report is None or left.report.reason not in SUCCESS:
        return (
            Reason.INVALID_RUNNER_REPORT,
            f"The Job is complete, but {left.complaint or 'its runner failed'}.",
        )
    return left.report.reason, left.report.message


def _reported(left: Evidence) -> _Found | None:
    """What the runner says of a failure; but who stopped it is better known to its pod."""
    report, pod = left.report, left.pod
    if report is None or report.reason in SUCCESS:
        return None
    disrupted = pod is not None and pod.disruption in DISRUPTIONS
    if report.reason is Reason.RUNNER_KILLED and (disrupted or _deadline_exceeded(left.end)):
        return None
    return report.reason, report.message or MEANING[report.reason].happened


def _disrupted(left: Evidence) -> _Found | None:
    pod = left.pod
    if pod is None:
        return None
    reason = DISRUPTIONS.get(pod.disruption) or POD_REASONS.get(pod.status_reason)
    if reason is None and pod.disruption:
        reason = Reason.EVICTED
    return None if reason is None else (reason, pod.status_message or MEANING[reason].happened)


def _of_the_container(left: Evidence) -> _Found | None:
    gone = left.pod.exit if left.pod else None
    if gone is None or _deadline_exceeded(left.end):
        return None
    if gone.reason == "OOMKilled":
        return Reason.OOM_KILLED, MEANING[Reason.OOM_KILLED].happened
    return _of_exit_code(gone.exit_code, left.complaint)


def _of_the_condition(left: Evidence) -> _Found | None:
    """What the Job's condition says, for when the pod is gone."""
    if left.end is None:
        return None
    if _deadline_exceeded(left.end):
        started = left.was_running or (left.pod is not None and left.pod.exit is not None)
        return (Reason.TIMEOUT if started else Reason.START_TIMEOUT), "Stopped by the deadline of its Job."
    if left.was_unreachable and left.pod is None:
        return Reason.NODE_LOST, f"Its node did not answer, and its pod is gone. {left.end.message}"
    if code := _EXIT_CODE_IN_CONDITION.search(left.end.message):
        return _of_exit_code(int(code[1]), left.complaint)
    return Reason.ATTEMPT_LOST, f"{left.end.reason}: {left.end.message}"


def _of_exit_code(code: int, complaint: str) -> _Found:
    reason = EXIT_CODES.get(code, Reason.INVALID_RUNNER_REPORT)
    return reason, f"The runner exited with code {code}; {complaint or 'its report does not say why'}."


def _deadline_exceeded(end: JobEnd | None) -> bool:
    return end is not None and not end.complete and end.reason == "DeadlineExceeded"


def _ending(left: Evidence, reason: Reason, message: str) -> Ending:
    pod, report = left.pod, left.report
    gone = pod.exit if pod else None
    return Ending(
        reason=reason,
        message=message,
        result=report.result if report is not None and report.reason is reason else None,
        started=moment(report.started if report else None) or (gone.started if gone else None),
        finished=moment(report.finished if report else None) or (gone.finished if gone else None),
        exit_code=gone.exit_code if gone else None,
        pod=pod,
        # Called is called, even where somebody else knows better how the attempt ended.
        hooks=report.hooks if report is not None else None,
    )


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as a time; None where they are none that a calendar has."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
