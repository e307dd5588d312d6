"""One watch for all futures that it sees the runs of."""

from __future__ import annotations

import gc
import threading

import pytest

from builders.ears import Ear, until
from builders.manifests import a_manifest
from ferryman.exceptions import PermissionDenied
from ferryman.runs import view
from ferryman.testing import InMemoryCluster
from ferryman.watching import Scope, Watcher


@pytest.fixture
def cluster():
    return InMemoryCluster()


@pytest.fixture
def watcher(cluster):
    made = a_watcher(cluster)
    yield made
    made.close()


def a_watcher(cluster) -> Watcher:
    return Watcher(
        cluster, Scope("default"), lambda ear, run: pytest.fail(f"{run.name} is seen"), linger=0.01
    )


def test_a_change_is_told_to_the_future_of_that_run_only(cluster, watcher):
    one, two = Ear(), Ear()
    watcher.subscribe("one", one)
    watcher.subscribe("two", two)
    cluster.create_run(a_manifest("one"))
    one.wait_for("Pending")
    cluster.set_status("default", "one", {"phase": "Running"})
    one.wait_for("Running")
    assert two.heard == []


def test_two_futures_of_one_run_both_hear(cluster, watcher):
    ears = [Ear(), Ear()]
    for ear in ears:
        watcher.subscribe("one", ear)
    cluster.create_run(a_manifest("one"))
    for ear in ears:
        ear.wait_for("Pending")


def test_a_thousand_futures_share_one_watch(cluster, watcher):
    ears = [Ear() for _ in range(1000)]
    for number, ear in enumerate(ears):
        watcher.subscribe(f"run-{number}", ear)
    cluster.create_run(a_manifest("run-999"))
    ears[999].wait_for("Pending")
    assert cluster.open_watches == 1


def test_a_deleted_run_is_told_as_vanished(cluster, watcher):
    ear = Ear()
    watcher.subscribe("one", ear)
    cluster.create_run(a_manifest("one"))
    ear.wait_for("Pending")
    cluster.delete_run("default", "one")
    ear.wait_for("vanished")


def test_a_run_that_was_deleted_before_the_watch_began_is_told_as_vanished(cluster, watcher):
    created = view(cluster.create_run(a_manifest("one")))
    cluster.delete_run("default", "one")
    ear = Ear(created)
    watcher.subscribe("one", ear)
    ear.wait_for("vanished")


def test_a_run_whose_create_is_on_the_way_has_not_vanished(cluster, watcher):
    ear, other = Ear(), Ear()
    watcher.subscribe("one", ear)
    watcher.subscribe("other", other)
    cluster.create_run(a_manifest("other"))
    other.wait_for("Pending")
    assert ear.heard == []


def test_the_watch_ends_when_nobody_waits(cluster, watcher):
    ear = Ear()
    watcher.subscribe("one", ear)
    until(lambda: cluster.open_watches == 1)
    ear.is_done = True
    watcher.release("one", ear)
    until(lambda: cluster.open_watches == 0)
    assert not watcher.is_active


def test_runs_one_after_the_other_cost_one_thread_that_ends_the_watch(cluster):
    watcher = Watcher(cluster, Scope("default"), lambda ear, run: None)
    before = set(threading.enumerate())
    for number in range(100):
        ear = Ear()
        watcher.subscribe(f"one-{number}", ear)
        watcher.release(f"one-{number}", ear)
    assert len(set(threading.enumerate()) - before) <= 2
    watcher.close()
    until(lambda: set(threading.enumerate()) <= before)


def test_a_watch_that_was_wanted_meanwhile_lingers_anew(cluster):
    before = set(threading.enumerate())
    watcher = Watcher(cluster, Scope("default"), lambda ear, run: None, linger=0.2)
    ears = [Ear(), Ear()]
    watcher.subscribe("one", ears[0])
    watcher.release("one", ears[0])
    watcher.subscribe("two", ears[1])
    until(lambda: len(set(threading.enumerate()) - before) == 1)
    assert watcher.is_active
    watcher.release("two", ears[1])
    until(lambda: not watcher.is_active)


def test_the_watch_begins_again_for_the_next_future(cluster, watcher):
    first, second = Ear(), Ear()
    watcher.subscribe("one", first)
    watcher.release("one", first)
    until(lambda: not watcher.is_active)
    watcher.subscribe("two", second)
    cluster.create_run(a_manifest("two"))
    second.wait_for("Pending")


def test_a_future_that_nobody_holds_is_forgotten(cluster, watcher):
    kept, dropped = Ear(), Ear()
    watcher.subscribe("dropped", dropped)
    watcher.subscribe("kept", kept)
    del dropped
    gc.collect()
    watcher.release("kept", kept)
    until(lambda: not watcher.is_active)


def test_a_watch_that_is_refused_fails_those_who_wait():
    class Forbidding(InMemoryCluster):
        def watch_runs(self, namespace, **selection):
            raise PermissionDenied("no list for you")

    ear = Ear()
    a_watcher(Forbidding()).subscribe("one", ear)
    ear.wait_for("PermissionDenied")
