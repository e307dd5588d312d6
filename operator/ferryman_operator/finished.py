"""A run that has ended, in as few bytes as its dependants and its time to live allow.

Tens of thousands of these are held, for as long as their TaskRuns exist.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ferryman.api.phases import Phase
from ferryman.api.taskrun import DEFAULT_TTL, Condition, Function, Result, Task, TaskRunSpec, TaskRunStatus
from ferryman_operator.reconcile import status
from ferryman_operator.reconcile.observed import Key, Run


@dataclass(frozen=True, slots=True)
class Finished:
    """What is kept of a run; `sha256` is "" where it left no result."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    created: datetime
    deleting: bool
    ttl: str
    phase: Phase
    reason: str
    finished_at: datetime | None
    sha256: str
    size: int
    attempt: int
    result_uid: str | None

    @property
    def run(self) -> Run:
        """As decisions read it."""
        return Run(
            key=self.key,
            uid=self.uid,
            resource_version=self.resource_version,
            generation=self.generation,
            created=self.created,
            deleting=self.deleting,
            spec=_spec(self.ttl),
            status=self._status(),
        )

    def _status(self) -> TaskRunStatus:
        moment = self.finished_at or self.created
        condition = Condition(
            status="True" if self.phase is Phase.COMPLETED else "False",
            reason=self.reason,
            last_transition_time=moment,
        )
        result = (
            Result(
                sha256=self.sha256, size=self.size, attempt=self.attempt, uid=self.result_uid, serializer=""
            )
            if self.sha256
            else None
        )
        return TaskRunStatus(
            phase=self.phase,
            conditions=[condition] if self.reason else [],
            finished_at=self.finished_at,
            result=result,
        )


def of(run: Run) -> Finished:
    """What is kept of a run in a terminal phase."""
    result = run.status.result
    return Finished(
        key=run.key,
        uid=run.uid,
        resource_version=run.resource_version,
        generation=run.generation,
        created=run.created,
        deleting=run.deleting,
        ttl=sys.intern(run.spec.ttl_after_finished if run.spec else DEFAULT_TTL),
        phase=run.status.phase,
        reason=sys.intern(status.reason(run.status)),
        finished_at=run.status.finished_at,
        sha256=result.sha256 if result else "",
        size=result.size if result else 0,
        attempt=result.attempt if result else 0,
        result_uid=result.uid if result else None,
    )


@lru_cache(maxsize=256)
def _spec(ttl: str) -> TaskRunSpec:
    return TaskRunSpec(task=Task(name="finished"), function=Function(), ttl_after_finished=ttl)
