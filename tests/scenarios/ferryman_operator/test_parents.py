"""A run that another run's code submitted does not outlive its purpose."""

from __future__ import annotations

import pytest

from builders.runs import ARun, a_run
from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman_operator.reconcile import status

PARENT = a_run().called("pipeline", "parent-uid")


def a_child(of: ARun) -> ARun:
    return a_run().child_of(of)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.CANCELLED, Reason.CANCELLED),
        (Phase.CRASHED, Reason.OOM_KILLED),
        (Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED),
    ],
)
def test_a_child_is_cancelled_when_its_parent_was_stopped_or_died(phase: Phase, reason: Reason):
    plan = a_child(PARENT.that_has(phase, reason)).confirmed().without_pods().plan
    assert plan.status is not None
    assert plan.status.phase is Phase.CANCELLED
    assert status.message(plan.status) == f"Its parent pipeline ended as {phase}."


def test_a_child_does_not_wait_for_the_end_of_a_parent_that_is_being_cancelled():
    parent = PARENT.on_attempt(1).running().that_is_cancelled()
    plan = a_child(parent).confirmed().without_pods().plan
    assert plan.status is not None
    assert plan.status.phase is Phase.CANCELLED


def test_what_runs_of_a_child_is_stopped_first():
    child = a_child(PARENT.that_has(Phase.CANCELLED, Reason.CANCELLED)).on_attempt(1).running()
    plan = child.plan
    assert plan.status is not None
    assert plan.status.phase is Phase.RUNNING
    assert status.reason(plan.status) == Reason.CANCELLING


@pytest.mark.parametrize(
    ("phase", "reason"),
    [(Phase.COMPLETED, Reason.COMPLETED), (Phase.FAILED, Reason.USER_EXCEPTION)],
)
def test_a_child_goes_on_when_its_parent_returned_or_raised(phase: Phase, reason: Reason):
    alone, child = a_run(), a_child(PARENT.that_has(phase, reason))
    assert child.plan == alone.plan


def test_a_child_goes_on_while_its_parent_tries_again():
    parent = PARENT.retrying(3).after_failures(Reason.OOM_KILLED)
    assert a_child(parent).plan == a_run().plan


def test_a_child_whose_parent_nobody_knows_goes_on():
    assert a_run().child_of(PARENT, is_known=False).plan == a_run().plan
