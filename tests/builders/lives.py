"""The life of a run in a model world, as its state machines try it: how much, and how it ends undisturbed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings


def tries(examples: int, *, steps: int) -> settings:
    """The settings of a machine with so many lives of so many steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def end(world: Any, operator: Any) -> None:
    """Nothing disturbs anybody any more, and the run ends."""
    for _ in range(900):
        if world.run.status.phase.is_terminal:
            return
        world.settle(operator)
    assert world.run.status.phase.is_terminal, world.run.status


def rest(world: Any, operator: Any, *others: Any) -> None:
    """After the end nobody writes anything."""
    for _ in range(10):
        world.settle(operator)
    before = world.writes
    for one in (operator, *others):
        world.sync(one)
        assert world.step(one).is_quiet
    assert world.writes == before
