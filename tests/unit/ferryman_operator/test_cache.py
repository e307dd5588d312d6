"""The cache: old versions and echoes of the dead change nothing."""

from __future__ import annotations

import pytest

from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.reconcile import status
from simulation.cluster_twin import ClusterTwin, SimulatedClock


@pytest.fixture
def cache():
    return Cache()


@pytest.fixture
def twin():
    return ClusterTwin(SimulatedClock())


def test_an_older_version_is_dropped(cache, twin):
    key = twin.submit()
    old = projection.run(twin.run(key))
    twin.touch(key)
    new = projection.run(twin.run(key))
    assert cache.put_run(new)
    assert not cache.put_run(old)
    assert cache.run(key) is new


def test_what_was_deleted_does_not_come_back(cache, twin):
    run = projection.run(twin.run(twin.submit()))
    cache.put_run(run)
    assert cache.drop_run(run.key, run.uid)
    assert not cache.put_run(run)
    assert cache.run(run.key) is None


def test_a_late_deletion_of_a_namesake_spares_the_living(cache, twin):
    key = twin.submit()
    first = projection.run(twin.run(key))
    twin.remove("taskruns", key.namespace, key.name)
    twin.submit()
    second = projection.run(twin.run(key))
    cache.put_run(second)
    assert not cache.drop_run(key, first.uid)
    assert cache.run(key) is second


def test_runs_that_wait_are_found_by_what_they_wait_for(cache, twin):
    upstream = twin.submit("first")
    waiting = twin.submit("second", dependsOn=[{"name": "first", "condition": "Completed"}])
    for key in (upstream, waiting):
        cache.put_run(projection.run(twin.run(key)))
    assert cache.dependants_of(upstream) == {waiting}
    cache.drop_run(waiting, cache.run(waiting).uid)
    assert not cache.dependants_of(upstream)


def test_of_a_finished_run_stays_what_its_dependants_read(cache, twin):
    key = twin.submit(ttlAfterFinished="7m")
    raw = twin.run(key)
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Completed",
        "lastTransitionTime": "2026-11-22T12:00:00Z",
    }
    result = {"sha256": "ab" * 32, "size": 7, "attempt": 2, "serializer": "json"}
    raw["status"] = {
        "phase": "Completed",
        "conditions": [condition],
        "result": result,
        "finishedAt": "2026-11-22T12:00:00Z",
    }
    cache.put_run(projection.run(raw))
    held = cache.run(key)
    assert (held.spec.ttl_after_finished, held.status.conditions[0].reason) == ("7m", "Completed")
    assert (held.status.result.sha256, held.status.result.attempt) == ("ab" * 32, 2)
    assert held.status.finished_at == projection.run(raw).status.finished_at


def test_the_reason_of_a_finished_run_is_ours_whoever_else_wrote_a_condition(cache, twin):
    raw = twin.run(key := twin.submit())
    moment = "2026-11-22T12:00:00Z"
    conditions = [
        {"type": "Audited", "status": "True", "reason": "Passed", "lastTransitionTime": moment},
        {"type": "Succeeded", "status": "False", "reason": "OOMKilled", "lastTransitionTime": moment},
    ]
    raw["status"] = {"phase": "Crashed", "conditions": conditions, "finishedAt": moment}
    cache.put_run(projection.run(raw))
    assert status.reason(cache.run(key).status) == "OOMKilled"


def test_equal_parts_of_specs_are_held_once(cache, twin):
    for name in ("first", "second"):
        cache.put_run(projection.run(twin.run(twin.submit(name, retry={"retries": 2}))))
    first, second = cache.live_runs()
    assert first.spec.retry is second.spec.retry
    assert first.spec.retry.retries == 2
