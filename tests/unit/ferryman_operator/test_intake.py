"""The intake wakes those to whom the news of another run matters."""

from __future__ import annotations

import pytest

from ferryman_operator.cache import Cache
from ferryman_operator.intake import Intake
from ferryman_operator.workqueue import WorkQueue
from simulation.cluster_twin import ClusterTwin, SimulatedClock


@pytest.fixture
def twin():
    return ClusterTwin(SimulatedClock())


@pytest.fixture
def queue():
    return WorkQueue(lambda: 0.0)


def drained(queue: WorkQueue) -> set[object]:
    taken = set()
    while (key := queue.take()) is not None:
        taken.add(key)
        queue.done(key)
    return taken


def test_a_child_is_looked_at_when_its_parent_is_to_be_cancelled(twin, queue):
    intake = Intake(Cache(), queue)
    parent = twin.submit("pipeline")
    uid = twin.run(parent)["metadata"]["uid"]
    child = twin.submit("step", parent={"name": "pipeline", "uid": uid})
    for key in (parent, child):
        intake.run_seen(twin.run(key))
    drained(queue)

    twin.cancel(parent)
    intake.run_seen(twin.run(parent))

    assert drained(queue) == {parent, child}


def test_a_change_that_matters_to_nobody_else_wakes_nobody_else(twin, queue):
    intake = Intake(Cache(), queue)
    upstream = twin.submit("first")
    waiting = twin.submit("second", dependsOn=[{"name": "first"}])
    for key in (upstream, waiting):
        intake.run_seen(twin.run(key))
    drained(queue)

    twin.touch(upstream)
    intake.run_seen(twin.run(upstream))

    assert drained(queue) == {upstream}
