"""`spec.dependsOn`: the runs that have to end first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman.api.taskrun import Dependency
from ferryman_operator.reconcile import deadlines, endings, status
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Run
from ferryman_operator.reconcile.plan import Look, Plan

NAMED: Final = 3

CREATION_GRACE: Final = timedelta(seconds=30)
"""What is applied together comes in any order: so young a run waits for one that does not exist yet."""


def unmet(case: Case) -> Plan | None:
    """A run in `dependsOn` has failed, does not exist, or has not ended."""
    return _failed(case) or _missing(case) or _live(case)


def _failed(case: Case) -> Plan | None:
    for one in case.spec.depends_on:
        upstream = case.seen.upstreams.get(one.name)
        if upstream is not None and _is_failure(one, upstream):
            text = f"{one.name} ended with {status.reason(upstream.status) or upstream.status.phase}."
            return endings.without_attempt(case.seen, case.run, Reason.DEPENDENCY_FAILED, text)
    return None


def _is_failure(one: Dependency, upstream: Run) -> bool:
    phase = upstream.status.phase
    return one.condition == "Completed" and phase.is_terminal and phase is not Phase.COMPLETED


def _missing(case: Case) -> Plan | None:
    gone = [one.name for one in case.spec.depends_on if one.name not in case.seen.upstreams]
    if not gone:
        return None
    if not case.seen.upstreams_confirmed:
        return Plan(looks=frozenset({Look.UPSTREAMS}))
    patience = case.run.created + CREATION_GRACE
    if case.now < patience:
        return _wait(case, gone, patience)
    text = f"There is no TaskRun {_named(gone)} in this namespace."
    return endings.without_attempt(case.seen, case.run, Reason.DEPENDENCY_NOT_FOUND, text)


def _live(case: Case) -> Plan | None:
    live = [one.name for one in case.spec.depends_on if not _has_ended(case, one)]
    if not live:
        return None
    return _wait(case, live, deadlines.of_run(case))


def _wait(case: Case, upstreams: list[str], wake_at: datetime) -> Plan:
    if _is_told(case, upstreams):
        return Plan(wake_at=wake_at)
    text = f"Waits for {_named(upstreams)}."
    told = status.waiting(case.run, Reason.WAITING_FOR_DEPENDENCIES, text, case.now)
    return Plan(status=told, wake_at=wake_at)


def _has_ended(case: Case, one: Dependency) -> bool:
    return case.seen.upstreams[one.name].status.phase.is_terminal


def _is_told(case: Case, live: list[str]) -> bool:
    """Whether what stands in the status still holds: one of the runs that it names has not ended.

    A run that waits for a thousand others is not written a thousand times.
    """
    if (
        status.reason(case.status) != Reason.WAITING_FOR_DEPENDENCIES
        or case.status.phase is not Phase.WAITING
    ):
        return False
    told = status.message(case.status).removeprefix("Waits for ").removesuffix(".")
    named = set(told.removesuffix(" and others").split(", "))
    return not named.isdisjoint(live)


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
