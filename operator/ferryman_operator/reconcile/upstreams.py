"""What the runner is told of the runs in `dependsOn`."""

from __future__ import annotations

from collections.abc import Mapping

from ferryman.api.phases import Phase
from ferryman.api.runner_contract import Upstream
from ferryman.api.taskrun import TaskRunSpec
from ferryman_operator.reconcile import status
from ferryman_operator.reconcile.observed import Run


def of(spec: TaskRunSpec, runs: Mapping[str, Run]) -> tuple[Upstream, ...]:
    """How each run in `dependsOn` ended, in its order. All of them are in `runs`."""
    return tuple(_upstream(runs[one.name]) for one in spec.depends_on)


def _upstream(run: Run) -> Upstream:
    result = run.status.result
    return Upstream(
        name=run.key.name,
        uid=(result.uid if result else None) or run.uid,
        attempt=result.attempt if result else 0,
        sha256=result.sha256 if result else "",
        size=result.size if result else 0,
        completed=run.status.phase is Phase.COMPLETED,
        reason=status.reason(run.status),
    )
