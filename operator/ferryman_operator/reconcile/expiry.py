"""A finished run: nothing of it is written again, and after its time to live it is removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ferryman_operator.reconcile import deadlines, endings
from ferryman_operator.reconcile.observed import Observed, Run
from ferryman_operator.reconcile.plan import Plan

LOOK_AGAIN: Final = timedelta(minutes=1)
"""How often a run whose time is over asks whether another one still needs it."""


def of(seen: Observed, run: Run) -> Plan:
    """Stop what still runs of it, then wait, then remove it; its Jobs go with it."""
    live = tuple(job for job in seen.jobs if job.owner_uid == run.uid and job.end is None)
    at = deadlines.of_removal(run)
    if seen.awaited:
        # The next attempt of a run that depends on this one reads its result too.
        at = max(at, seen.now + LOOK_AGAIN)
    over = seen.now >= at
    return Plan(delete=endings.deletions(live), remove=over, wake_at=None if over else at)
