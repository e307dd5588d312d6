"""Whether a failed attempt is followed by another one, out of which budget, and after how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ferryman.api import durations, jitter
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator.reconcile.case import Case

INFRASTRUCTURE_DELAY: Final = timedelta(seconds=5)
INFRASTRUCTURE_DELAY_LIMIT: Final = timedelta(minutes=5)
INFRASTRUCTURE_JITTER: Final = 0.3
"""The user's delays are for the user's failures; these spread what one lost node sets off."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt, `delay` from now, and the counters with this one charged."""

    delay: timedelta
    retries_used: int
    infrastructure_retries_used: int

    @property
    def counters(self) -> dict[str, int]:
        """The counters as fields of the next status."""
        return {
            "retries_used": self.retries_used,
            "infrastructure_retries_used": self.infrastructure_retries_used,
        }


def after(case: Case, reason: Reason) -> Retry | None:
    """The retry that follows the current attempt, which failed for `reason`; None if none may."""
    used, lost = case.status.retries_used, case.status.infrastructure_retries_used
    policy = case.spec.retry
    match MEANING[reason].budget:
        case Budget.RETRIES if used < policy.retries:
            delay, factor = delay_of(policy.delays, used), policy.jitter_factor
            return Retry(_drawn(case, delay, factor), used + 1, lost)
        case Budget.INFRASTRUCTURE if lost < policy.infrastructure_retries:
            delay = infrastructure_delay(lost)
            return Retry(_drawn(case, delay, INFRASTRUCTURE_JITTER), used, lost + 1)
        case _:
            return None


def delay_of(delays: Sequence[str], used: int) -> timedelta:
    """The delay before the retry after `used` earlier ones: the last entry repeats, none means at once."""
    return durations.parse(delays[min(used, len(delays) - 1)]) if delays else timedelta(0)


def infrastructure_delay(used: int) -> timedelta:
    """The delay before the infrastructure retry after `used` earlier ones: it doubles up to a limit."""
    doublings: int = 2 ** min(used, 16)
    return min(INFRASTRUCTURE_DELAY * doublings, INFRASTRUCTURE_DELAY_LIMIT)


def exhausted(status: TaskRunStatus, attempt: int, reason: Reason) -> str:
    """What to add to the last failure's message; "" where the run had one attempt and no budget was spent."""
    used = status.infrastructure_retries_used
    if MEANING[reason].budget is Budget.INFRASTRUCTURE and used:
        return f" ({attempt} attempts made, all {used} infrastructure retries used)"
    return f" ({attempt} attempts made)" if attempt > 1 else ""


def _drawn(case: Case, delay: timedelta, factor: float) -> timedelta:
    return jitter.spread(delay, factor, uid=case.run.uid, attempt=case.due)
