"""The only place that builds a next status and the condition Succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from ferryman.api import durations
from ferryman.api.checked import clean
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.taskrun import Attempt, Condition, Result, TaskRunStatus
from ferryman_operator.reconcile import attempts, hooks
from ferryman_operator.reconcile.observed import Run

MAX_LINE: Final = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended. `row` is the attempt that ended with it, if one did."""

    reason: Reason
    message: str
    row: Attempt | None = None
    result: Result | None = None
    hooks: HooksReport | None = None
    """What its runner says of the hooks, if it says anything."""


def succeeded(status: TaskRunStatus) -> Condition | None:
    """The condition Succeeded, which is ours; others may stand beside it."""
    return next((one for one in status.conditions if one.type == "Succeeded"), None)


def reason(status: TaskRunStatus) -> str:
    """The reason of the condition Succeeded; "" where it was never written."""
    return last.reason if (last := succeeded(status)) else ""


def message(status: TaskRunStatus) -> str:
    """The message of the condition Succeeded; "" where it was never written."""
    return last.message if (last := succeeded(status)) else ""


def line(text: str) -> str:
    """`text` as a message: it may come from anywhere, so it is cleaned and cut."""
    return clean(text, MAX_LINE)


def waiting(run: Run, why: Reason, text: str, now: datetime) -> TaskRunStatus:
    """No Job exists, and none is created yet."""
    return _next(run, Phase.WAITING, _condition(run, "Unknown", why, text, now), next_attempt_at=None)


def offered(run: Run, attempt: int, text: str, now: datetime) -> TaskRunStatus:
    """Workers may claim the attempt, and none has."""
    condition = _condition(run, "Unknown", Reason.WAITING_FOR_WORKER, text, now)
    return _next(run, Phase.WAITING, condition, next_attempt_at=None, offered_attempt=attempt)


def without_lease(run: Run) -> TaskRunStatus:
    """As it is, but nobody's."""
    return run.status.model_copy(update={"lease": None})


def pod_pending(run: Run, text: str, now: datetime) -> TaskRunStatus:
    """The Job exists, its pod does not start, and there is something to tell about it."""
    condition = _condition(run, "Unknown", Reason.POD_PENDING, text, now)
    return _next(run, Phase.PENDING, condition, next_attempt_at=None)


def running(run: Run, row: Attempt, now: datetime) -> TaskRunStatus:
    """The pod of the attempt has started; its row is in the ledger from here on."""
    condition = _condition(run, "Unknown", Reason.RUNNING, f"Attempt {row.number} runs.", now)
    return _next(run, Phase.RUNNING, condition, row, next_attempt_at=None)


def unreachable(run: Run, text: str, now: datetime) -> TaskRunStatus:
    """The attempt may run, on a node that does not answer."""
    return _next(run, run.status.phase, _condition(run, "Unknown", Reason.NODE_UNREACHABLE, text, now))


def stopping(run: Run, row: Attempt, why: Reason, text: str, now: datetime) -> TaskRunStatus:
    """The attempt is to be stopped; the row says for which reason, before anything is deleted."""
    condition = _condition(run, "Unknown", why, text, now)
    phase = Phase.RUNNING if run.status.phase is Phase.RUNNING else Phase.PENDING
    return _next(run, phase, condition, row, next_attempt_at=None)


def held(run: Run, text: str, now: datetime) -> TaskRunStatus:
    """Where it is and for the reason that it has, with what holds it there as the message."""
    why = next((one for one in Reason if one == reason(run.status)), Reason.POD_PENDING)
    return _next(run, run.status.phase, _condition(run, "Unknown", why, text, now))


def awaiting_retry(
    run: Run, row: Attempt, at: datetime, now: datetime, counters: dict[str, int]
) -> TaskRunStatus:
    """The attempt has failed, and the next one starts at `at`. One write says both."""
    text = f"Attempt {row.number} ended with {row.reason}: {row.message}"
    condition = _condition(run, "Unknown", Reason.AWAITING_RETRY, text, now)
    closed = row.model_copy(update={"not_before": at})
    return _next(run, Phase.AWAITING_RETRY, condition, closed, next_attempt_at=at, lease=None, **counters)


def finished(run: Run, last: Verdict, now: datetime) -> TaskRunStatus:
    """The last status of a run."""
    phase, row = MEANING[last.reason].phase, last.row
    value: Literal["True", "False"] = "True" if phase is Phase.COMPLETED else "False"
    condition = _condition(run, value, last.reason, last.message, now)
    started = run.status.started_at or (row.started_at if row else None)
    return _next(
        run,
        phase,
        condition,
        row,
        next_attempt_at=None,
        lease=None,
        finished_at=now,
        duration=durations.render(max((now - started).total_seconds(), 0)) if started else None,
        result=last.result,
        hooks=hooks.at_the_end(run.spec, last.reason, last.hooks),
    )


def _next(
    run: Run, phase: Phase, condition: Condition, row: Attempt | None = None, **changes: Any
) -> TaskRunStatus:
    ledger = {} if row is None else _ledger(run.status, row)
    others = [c for c in run.status.conditions if c.type != condition.type]
    return run.status.model_copy(
        update={
            "phase": phase,
            "conditions": [*others, condition],
            "observed_generation": run.generation,
            **ledger,
            **changes,
        }
    )


def _ledger(status: TaskRunStatus, row: Attempt) -> dict[str, Any]:
    return {
        "attempts": attempts.with_row(status, row),
        "attempt_count": row.number,
        "started_at": status.started_at or row.started_at,
    }


def _condition(
    run: Run, value: Literal["True", "False", "Unknown"], why: Reason, text: str, now: datetime
) -> Condition:
    last = succeeded(run.status)
    unmoved = last is not None and last.status == value
    return Condition(
        status=value,
        reason=why.value,
        message=line(text),
        observed_generation=run.generation,
        last_transition_time=last.last_transition_time if last is not None and unmoved else now,
    )
