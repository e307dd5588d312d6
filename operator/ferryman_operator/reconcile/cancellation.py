"""The ends that come from outside, a request or the deadline.

What runs is stopped first, and what has succeeded before stays a success.
"""

from __future__ import annotations

from typing import Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman_operator.reconcile import deadlines, endings, execution, serving, stopping
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.plan import Plan

_ORPHANING: Final = frozenset({Phase.CANCELLED, Phase.CRASHED, Phase.TIMED_OUT})
"""A parent that returned or raised has left its children on purpose, as futures that it did not wait for."""


def requested(case: Case) -> Plan | None:
    """Somebody wants the run to stop."""
    if not case.spec.cancel_requested:
        return None
    return end(case, Reason.CANCELLED, MEANING[Reason.CANCELLED].happened)


def abandoned(case: Case) -> Plan | None:
    """The run that submitted this one has been stopped, or died: nobody is there for what would come."""
    parent = case.seen.parent
    if parent is None:
        return None
    if parent.spec is not None and parent.spec.cancel_requested and not parent.status.phase.is_terminal:
        return end(case, Reason.CANCELLED, f"Its parent {parent.key.name} is being cancelled.")
    if parent.status.phase in _ORPHANING:
        return end(case, Reason.CANCELLED, f"Its parent {parent.key.name} ended as {parent.status.phase}.")
    return None


def too_late(case: Case) -> Plan | None:
    """The run as a whole has taken longer than it may."""
    if case.now < deadlines.of_run(case):
        return None
    text = f"Not done {case.spec.deadline} after it was created."
    return end(case, Reason.DEADLINE_EXCEEDED, text)


def end(case: Case, reason: Reason, message: str) -> Plan | None:
    """End a live run for `reason`: through its attempt, if one may be running."""
    if case.spec.executor == "Worker":
        return serving.stop(case, reason, message)
    row = case.row or (execution.row_of(case.job) if case.job else None)
    if row is not None:
        return stopping.begin(case, row, reason, message)
    return endings.without_attempt(case.seen, case.run, reason, message)
