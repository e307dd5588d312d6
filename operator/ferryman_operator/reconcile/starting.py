"""Why a pod has not started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ferryman.api.reasons import Reason
from ferryman_operator.reconcile.observed import Pod

IMAGE_PULL: Final = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
ORDINARY: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""What every pod waits for; worth no write."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a start waits for. `reason` is the attempt's if it waits too long."""

    reason: Reason
    message: str
    worth_telling: bool


def problem(job_name: str, pods: Sequence[Pod]) -> Problem:
    """What keeps the pods of an attempt, none of which has started, from starting."""
    if not pods:
        # Only an Event has the cause: a quota, a missing service account, Pod Security.
        text = f"Job {job_name} has no pod yet; `kubectl describe job {job_name}` says why."
        return Problem(Reason.START_TIMEOUT, text, worth_telling=True)
    pod = pods[0]
    told = f": {pod.waiting_message}" if pod.waiting_message else ""
    text = f"{pod.waiting_reason or 'The pod has not started'}{told}"
    return Problem(_reason(pod), text, worth_telling=pod.waiting_reason not in ORDINARY)


def _reason(pod: Pod) -> Reason:
    if pod.waiting_reason in IMAGE_PULL:
        return Reason.IMAGE_PULL_FAILED
    return Reason.UNSCHEDULABLE if pod.waiting_reason == "Unschedulable" else Reason.START_TIMEOUT
