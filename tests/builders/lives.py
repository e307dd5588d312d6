"""The life of a run in a model world, as its state machines try it: how much, and how it ends undisturbed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator.reconcile import hooks


def tries(examples: int, *, steps: int) -> settings:
    """The settings of a machine with so many lives of so many steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def end(world: Any, operator: Any) -> None:
    """Nothing disturbs anybody any more, and the run ends, its hooks too."""
    for _ in range(900):
        if is_over(world.run.status):
            return
        world.settle(operator)
    assert is_over(world.run.status), world.run.status


def is_over(status: TaskRunStatus) -> bool:
    """Whether nothing is left to be done."""
    return status.phase.is_terminal and not hooks.are_pending(status)


def rest(world: Any, operator: Any, *others: Any) -> None:
    """After the end nobody writes anything."""
    for _ in range(10):
        world.settle(operator)
    before = world.writes
    for one in (operator, *others):
        world.sync(one)
        assert world.step(one).is_quiet
    assert world.writes == before
