"""The life of a run, rule by rule: `decide(observed) -> Plan`.

Safe with any number of operators that see the world late. What makes it so:

- A status is written with the resourceVersion that was read; a plan from an old one changes nothing.
- A Job's name is a function of run and attempt, so it is created once; and it is created only from
  what the API server said for this decision.
- Attempt n + 1 is due only when the status says how n ended, and starts only when no pod of the run lives.
- The store's claim lets one pod of an attempt, ever, call the function: where all else fails, this holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ferryman_operator.reconcile import (
    calling,
    cancellation,
    dependencies,
    execution,
    expiry,
    serving,
    sharedresults,
    stopping,
    validity,
    waiting,
)
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Observed, Run
from ferryman_operator.reconcile.plan import Plan

Rule = Callable[[Case], Plan | None]

LIFE_OF_A_RUN: Final[tuple[Rule, ...]] = (
    # What nobody may have done.
    execution.collision,
    validity.contradicted,
    execution.stray,
    # The attempt that runs, or did.
    execution.ended,
    stopping.carry_out,
    cancellation.requested,
    cancellation.abandoned,
    cancellation.too_late,
    execution.lost,
    execution.started,
    execution.running,
    execution.pending,
    # The attempt that comes next.
    validity.refused,
    waiting.start_time,
    dependencies.unmet,
    sharedresults.hit,
    waiting.backoff,
    waiting.refusal,
    execution.create,
)
"""The first rule that has a plan decides."""

LIFE_OF_A_SERVED_RUN: Final[tuple[Rule, ...]] = (
    validity.contradicted,
    # The attempt that a worker has, or had.
    serving.lost,
    serving.misplaced,
    serving.reported,
    serving.started,
    serving.expired,
    serving.ignored,
    cancellation.requested,
    cancellation.abandoned,
    cancellation.too_late,
    serving.held,
    # The attempt that comes next.
    validity.refused,
    waiting.start_time,
    dependencies.unmet,
    sharedresults.hit,
    waiting.backoff,
    serving.offer,
)
"""The same, of a run with `spec.executor: Worker`."""


def decide(seen: Observed) -> Plan:
    """What to do about a run, now. The same value gives the same plan."""
    run = seen.run
    if run is None or run.deleting:
        # Garbage collection deletes what it owns.
        return Plan()
    if run.status.phase.is_terminal:
        return calling.of(seen, run) or expiry.of(seen, run)
    if run.spec is None:
        return validity.unreadable(seen, run)
    case = Case(seen, run, run.spec)
    rules = LIFE_OF_A_RUN if run.spec.executor == "Job" else LIFE_OF_A_SERVED_RUN
    plans = (rule(case) for rule in rules)
    return _without_idle_write(run, next(plan for plan in plans if plan is not None))


def _without_idle_write(run: Run, plan: Plan) -> Plan:
    """What is there already is not written again."""
    return replace(plan, status=None) if plan.status == run.status else plan
