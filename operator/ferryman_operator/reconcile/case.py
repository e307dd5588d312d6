"""A run whose spec is understood, with all that was seen of it: what most rules read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ferryman.api.taskrun import Attempt, TaskRunSpec, TaskRunStatus
from ferryman_operator.reconcile import attempts
from ferryman_operator.reconcile.observed import Job, Observed, Run


@dataclass(frozen=True)
class Case:
    """`spec` is the run's, known to be there."""

    seen: Observed
    run: Run
    spec: TaskRunSpec

    @property
    def now(self) -> datetime:
        """The moment of the decision."""
        return self.seen.now

    @property
    def status(self) -> TaskRunStatus:
        """As it was last written."""
        return self.run.status

    @property
    def is_over(self) -> bool:
        """Whether the run has ended: what is left to do are its hooks."""
        return self.run.status.phase.is_terminal

    @cached_property
    def due(self) -> int:
        """The number of the current attempt: the one that runs, or the one that comes next."""
        return attempts.due(self.run.status)

    @cached_property
    def row(self) -> Attempt | None:
        """The ledger's row of the current attempt; None until it is known to run."""
        return attempts.open_row(self.run.status)

    @cached_property
    def job(self) -> Job | None:
        """The Job of the current attempt, if there is one."""
        return attempts.current_job(self.run, self.seen.jobs)
