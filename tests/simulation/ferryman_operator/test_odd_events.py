"""Events that never come, runs that wait for others, full namespaces, and bugs that meet one object."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ferryman_operator.auditor import AuditTimes, DeadWatch
from ferryman_operator.cluster import Conflict, NotFound
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import RefusalKind
from simulation.cluster_twin import HANGS, RAISES, SUCCEEDS, ClusterTwin, Play, SimulatedClock, Told
from simulation.replica import Replica, live

pytestmark = pytest.mark.timeout(60)


def hear_nothing(news):
    return []


def phase(twin, key):
    return twin.run(key)["status"]["phase"]


async def after_a_refusal(twin, refusal, *, seconds=5):
    """A replica that has lived where Jobs are refused, which they are no more."""
    twin.refuse_jobs = refusal
    replica = await Replica(twin).start()
    await live(twin, [replica], seconds=seconds)
    twin.refuse_jobs = None
    return replica


async def test_a_restart_makes_up_for_a_watch_that_tells_nothing():
    twin = ClusterTwin(SimulatedClock(), {1: RAISES, 2: SUCCEEDS})
    key = twin.submit(retry={"retries": 1, "delays": ["5s"]})
    for _ in range(8):
        await live(twin, [await Replica(twin, distort=hear_nothing).start()], seconds=60)
    assert phase(twin, key) == "Completed"
    assert len(twin.jobs()) == 2


async def test_an_audit_finds_what_a_watch_has_not_told():
    twin = ClusterTwin(SimulatedClock())
    replica = await Replica(twin, distort=hear_nothing).start()
    twin.submit()
    await live(twin, [replica], seconds=60)
    assert await replica.auditor.audit()


async def test_a_dead_watch_ends_the_process():
    twin = ClusterTwin(SimulatedClock())
    replica = await Replica(twin, distort=hear_nothing).start()
    twin.submit()
    with pytest.raises(DeadWatch):
        await asyncio.wait_for(replica.auditor.run(AuditTimes(first=0, every=60, grace=0.01)), 30)


async def test_an_audit_of_a_watch_that_works_finds_nothing():
    twin = ClusterTwin(SimulatedClock())
    replica = await Replica(twin).start()
    twin.submit()
    await live(twin, [replica], seconds=60)
    assert not await replica.auditor.audit()


async def test_a_deletion_that_no_watch_told_of_is_found_by_an_audit():
    twin = ClusterTwin(SimulatedClock(), {1: HANGS})

    def without_deletions(news):
        return [told for told in news if told.type != "DELETED"]

    key = twin.submit()
    replica = await Replica(twin, distort=without_deletions).start()
    await live(twin, [replica], seconds=60)
    twin.remove("taskruns", key.namespace, key.name)
    await replica.auditor.audit()
    assert replica.cache.run(key) is None
    assert not list(replica.cache.jobs())


async def test_a_job_that_somebody_deleted_is_a_lost_attempt():
    twin = ClusterTwin(SimulatedClock(), {1: HANGS, 2: SUCCEEDS})
    key = twin.submit()
    replica = await Replica(twin).start()
    await live(twin, [replica], seconds=30)
    twin.remove("jobs", "default", twin.jobs()[0]["metadata"]["name"])
    await live(twin, [replica])
    assert phase(twin, key) == "Completed"
    assert [a["outcome"] for a in twin.run(key)["status"]["attempts"]] == ["Lost", "Succeeded"]


async def test_a_run_starts_as_soon_as_what_it_waits_for_has_ended():
    twin = ClusterTwin(SimulatedClock())
    last = twin.submit("last", dependsOn=[{"name": "first", "condition": "Completed"}])
    first = twin.submit("first")
    await live(twin, [await Replica(twin).start()], seconds=60)
    assert (phase(twin, first), phase(twin, last)) == ("Completed", "Completed")


async def test_a_failure_reaches_those_who_wait():
    twin = ClusterTwin(SimulatedClock(), {1: RAISES})
    last = twin.submit("last", dependsOn=[{"name": "first", "condition": "Completed"}])
    twin.submit("first")
    await live(twin, [await Replica(twin).start()], seconds=60)
    assert phase(twin, last) == "Failed"


async def test_an_exception_of_ours_stops_no_other_run():
    twin = ClusterTwin(SimulatedClock())
    bad, good = twin.submit("bad"), twin.submit("good")

    def trip(seen):
        if seen.run.key == bad:
            raise RuntimeError("a bug")
        return decide(seen)

    replica = await Replica(twin, decide=trip).start()
    await live(twin, [replica], seconds=300)
    assert (phase(twin, good), phase(twin, bad)) == ("Completed", "Pending")
    errors = replica.metrics.results.labels("error")._value.get()
    assert 2 <= errors <= 8, "it is tried again, slowly"


async def test_a_decision_that_never_settles_takes_turns():
    twin = ClusterTwin(SimulatedClock())
    twin.submit()

    def ask_for_ever(seen):
        return dataclasses.replace(decide(seen), looks=frozenset({"Run"}))

    replica = await Replica(twin, decide=ask_for_ever).start()
    await live(twin, [replica], seconds=10)
    assert 5 <= replica.metrics.results.labels("unsettled")._value.get() <= 15


async def test_a_full_namespace_is_asked_by_one_run_for_all():
    twin = ClusterTwin(SimulatedClock())
    keys = [twin.submit(f"r{i}") for i in range(30)]
    replica = await after_a_refusal(twin, RefusalKind.QUOTA, seconds=65)
    asked = sum(request == ("create", "jobs") for request in twin.requests)
    assert asked <= 6, asked
    assert {phase(twin, key) for key in keys} == {"Waiting"}
    await live(twin, [replica], seconds=120)
    assert {phase(twin, key) for key in keys} == {"Completed"}


async def test_a_namesake_of_a_refused_run_is_judged_by_itself():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()
    replica = await after_a_refusal(twin, RefusalKind.FORBIDDEN)
    # Both before the operator looks again.
    twin.remove("taskruns", key.namespace, key.name)
    twin.submit()
    await live(twin, [replica], seconds=15)
    assert phase(twin, key) == "Completed"


async def test_a_refusal_that_ends_a_run_says_nothing_of_its_namesake():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()
    replica = await after_a_refusal(twin, RefusalKind.INVALID)
    assert phase(twin, key) == "Failed"
    twin.remove("taskruns", key.namespace, key.name)
    twin.submit()
    await live(twin, [replica], seconds=60)
    assert phase(twin, key) == "Completed"


async def test_a_namespace_that_seemed_to_end_does_not_hold_a_run_for_ever():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()
    replica = await after_a_refusal(twin, RefusalKind.NAMESPACE_TERMINATING)
    await live(twin, [replica], seconds=120)
    assert phase(twin, key) == "Completed"


async def test_a_replica_that_does_not_lead_writes_nothing():
    twin = ClusterTwin(SimulatedClock())
    twin.submit()
    replica = await Replica(twin).start()
    replica.leads = False
    await live(twin, [replica], seconds=60)
    assert not twin.audit


async def test_a_run_is_removed_when_its_time_is_over():
    twin = ClusterTwin(SimulatedClock())
    twin.submit(ttlAfterFinished="10m")
    await live(twin, [await Replica(twin).start()], seconds=3600)
    assert [w.resource for w in twin.audit if w.verb == "delete"] == ["taskruns"]
    assert not twin.jobs()


async def test_a_run_is_not_removed_while_another_one_may_read_its_result():
    twin = ClusterTwin(SimulatedClock())
    first = twin.submit("first", ttlAfterFinished="1m")
    second = twin.submit(
        "second",
        dependsOn=[{"name": "first"}],
        retry={"retries": 1, "delays": ["10m"]},
        ttlAfterFinished="2h",
    )
    twin.at(3, lambda: twin.plays.update({1: RAISES}))
    replica = await Replica(twin).start()
    await live(twin, [replica], seconds=300)
    assert phase(twin, first) == "Completed"
    await live(twin, [replica], seconds=1200)
    assert phase(twin, second) == "Completed"
    with pytest.raises(NotFound):
        twin.run(first)


async def test_a_job_that_lost_its_label_does_not_hold_its_run():
    twin = ClusterTwin(SimulatedClock(), {1: Play(start=2.0)})
    key = twin.submit()
    replica = await Replica(twin).start()
    # To a watch with a selector this is a deletion.
    twin.at(0.5, lambda: twin.told.append(Told("jobs", "DELETED", twin.jobs()[0])))
    await live(twin, [replica], seconds=600)
    assert phase(twin, key) == "Completed"
    assert sum(request == ("create", "jobs") for request in twin.requests) <= 4


async def test_a_status_that_always_conflicts_is_written_less_and_less_often():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()

    def conflict(verb, resource):
        if resource == "taskruns/status":
            raise Conflict("the object has been modified")

    twin.before = conflict
    replica = await Replica(twin).start()
    await live(twin, [replica], seconds=600)
    assert sum(request == ("patch", "taskruns/status") for request in twin.requests) <= 400
    twin.before = lambda verb, resource: None
    await live(twin, [replica], seconds=60)
    assert phase(twin, key) == "Completed"
