"""Accidents that have names, each told once from its beginning to its end."""

from __future__ import annotations

from datetime import timedelta

from builders import lives
from builders.model_world import ModelWorld, Operator
from builders.runs import a_run
from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason


def a_world(**fields):
    world = ModelWorld(a_run().retrying(1, **fields).that(start_timeout="60s"))
    return world, Operator(world.run), Operator(world.run)


def a_run_that_was_cancelled_while_its_job_was_created():
    world, first, paused = a_world()
    world.step(paused, pause_create=True)
    world.request_cancel()
    world.sync(first)
    world.step(first)
    return world, first


def until_it_runs(world, operator):
    for _ in range(3):
        world.go_on(operator)
    world.sync(operator)
    world.step(operator)
    assert world.run.status.phase is Phase.RUNNING


def test_an_operator_whose_cache_is_old_creates_nothing_after_the_end():
    world, up_to_date, behind = a_world()
    world.request_cancel()
    world.sync(up_to_date)
    world.step(up_to_date)
    assert world.run.status.phase is Phase.CANCELLED
    world.step(behind)
    assert world.jobs == {}


def test_a_create_that_comes_too_late_calls_nothing():
    world, first = a_run_that_was_cancelled_while_its_job_was_created()
    world.now += timedelta(seconds=61)
    world.create_job(world.late_creates.pop(), late=True)
    (job,) = world.jobs.values()
    world.start_pod(job)
    world.run_pod(world.pods_where(phase="Pending")[0])
    assert world.executions == []


def test_a_job_that_outlives_its_run_is_deleted():
    world, first = a_run_that_was_cancelled_while_its_job_was_created()
    world.create_job(world.late_creates.pop(), late=True)
    world.sync(first)
    world.step(first)
    assert world.jobs == {}


def test_a_job_that_somebody_deletes_is_followed_by_the_next_attempt_when_its_pod_is_gone():
    world, operator, _ = a_world()
    until_it_runs(world, operator)
    (job,) = world.jobs.values()
    world.delete_job(job.name, job.uid)
    for _ in range(5):
        world.go_on(operator)
    assert world.run.status.phase is Phase.RUNNING
    lives.end(world, operator)
    rows = world.run.status.attempts
    assert [row.reason for row in rows] == ["AttemptLost", "Completed"]
    assert [one.attempt for one in world.executions] == [1, 2]


def test_a_job_that_somebody_deletes_before_anybody_saw_it_run_does_not_run_twice():
    world, operator, _ = a_world()
    world.step(operator)
    (job,) = world.jobs.values()
    world.start_pod(job)
    world.run_pod(world.pods_where(phase="Pending")[0])
    world.delete_job(job.name, job.uid)
    lives.end(world, operator)
    assert [one.attempt for one in world.executions] == [1, 2]
    assert world.run.status.attempts[0].reason == "ClaimLost"


def test_an_operator_that_dies_after_it_deleted_a_job_leaves_behind_why():
    world, operator, _ = a_world()
    until_it_runs(world, operator)
    world.request_cancel()
    world.sync(operator)
    world.step(operator)
    world.sync(operator)
    world.step(operator)
    assert world.jobs == {}
    lives.end(world, Operator(None))
    assert world.run.status.phase is Phase.CANCELLED
    assert [row.reason for row in world.run.status.attempts] == ["Cancelled"]


def test_a_pod_that_never_starts_spends_the_infrastructure_retries_and_ends_the_run():
    world, operator, _ = a_world(infrastructure_retries=2)
    for _ in range(600):
        world.now += timedelta(seconds=5)
        for job in world.jobs_without_pod():
            world.start_pod(job)
        for one in world.pods_where(deleting=True):
            world.remove_pod(one)
        world.sync(operator)
        world.step(operator)
    status = world.run.status
    assert [row.reason for row in status.attempts] == ["StartTimeout"] * 3
    assert (status.phase, world.executions) == (Phase.CRASHED, [])


def test_a_status_write_from_an_old_version_changes_nothing():
    world, first, second = a_world()
    world.step(first)
    (job,) = world.jobs.values()
    world.start_pod(job)
    world.run_pod(world.pods_where(phase="Pending")[0])
    for one in (first, second):
        world.sync(one)
    world.step(first)
    world.step(second)
    assert len(world.versions) == 2


def test_the_deadline_stops_what_runs_before_the_run_ends():
    world = ModelWorld(a_run().that(deadline="60s"))
    operator = Operator(world.run)
    until_it_runs(world, operator)
    world.now += timedelta(seconds=60)
    for _ in range(5):
        world.go_on(operator)
        assert not world.run.status.phase.is_terminal
    lives.end(world, operator)
    assert world.run.status.conditions[0].reason == Reason.DEADLINE_EXCEEDED
