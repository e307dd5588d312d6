"""The operator may die at any write, lose any reply, lose any race and miss any event: the run ends the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from builders.runs import OTHER_UID
from ferryman_operator.cluster import Unavailable
from ferryman_operator.reconcile.observed import Key
from simulation.cluster_twin import DIES, HANGS, RAISES, SUCCEEDS, ClusterTwin, Play, Script, SimulatedClock
from simulation.replica import Replica, live

pytestmark = pytest.mark.timeout(60)


class Crash(BaseException):
    """The process is gone, in the middle of what it did."""


HIT = {"uid": OTHER_UID, "attempt": 3, "sha256": "ab" * 32, "size": 5, "serializer": "json"}
SERVED = {"executor": "Worker", "hooks": ["Failure"]}


@dataclass(frozen=True)
class Story:
    """A run, what its attempts do, and when somebody cancels it."""

    plays: dict[int, Play]
    spec: dict[str, Any]
    cancel_after: float | None = None
    hooks_after: float | None = None
    """When there is a worker for them."""

    def begin(self) -> tuple[ClusterTwin, Key]:
        twin = ClusterTwin(SimulatedClock(), self.plays)
        key = twin.submit(**self.spec)
        if self.cancel_after is not None:
            twin.at(self.cancel_after, lambda: twin.cancel(key))
        if self.hooks_after is not None:
            twin.at(self.hooks_after, lambda: twin.look_for_hooks(key))
        return twin, key


STORIES = {
    "succeeds": Story({1: SUCCEEDS}, {}),
    "retries": Story({1: RAISES, 2: SUCCEEDS}, {"retry": {"retries": 1, "delays": ["5s"]}}),
    "retries at once": Story({1: RAISES, 2: RAISES, 3: SUCCEEDS}, {"retry": {"retries": 2}}),
    "is cancelled": Story({1: HANGS}, {}, cancel_after=30.0),
    "is cached": Story({}, {"result": {"cacheKey": "k", "hit": HIT}}),
    "is cached with hooks": Story({}, {"result": {"cacheKey": "k", "hit": HIT}, "hooks": ["Completion"]}),
    "dies with hooks": Story({1: DIES}, {"hooks": ["Failure"], "retry": {"infrastructureRetries": 0}}),
    "is cancelled with hooks": Story({1: HANGS}, {"hooks": ["Failure"]}, cancel_after=30.0),
    "is served, and a worker takes the hooks": Story({}, SERVED, cancel_after=30.0, hooks_after=60.0),
    "is served, and nobody takes the hooks": Story({}, SERVED, cancel_after=30.0),
}
WRITES = {
    "succeeds": 3,
    "retries": 6,
    "retries at once": 9,
    "is cancelled": 5,
    "is cached": 1,
    "is cached with hooks": 4,
    "dies with hooks": 6,
    "is cancelled with hooks": 8,
    "is served, and a worker takes the hooks": 2,
    "is served, and nobody takes the hooks": 3,
}
"""How many writes each has at most without a fault; a test below holds it to that."""


def end_state(twin: ClusterTwin, key: Key) -> dict[str, Any]:
    status = twin.run(key)["status"]
    return {
        "phase": status["phase"],
        "reason": status["conditions"][0]["reason"],
        "attempts": [(a["number"], a.get("outcome"), a.get("reason")) for a in status.get("attempts", [])],
        "result": status.get("result", {}).get("attempt"),
        "retriesUsed": status.get("retriesUsed"),
        "hooks": status.get("hooks", {}).get("state"),
    }


def counts(twin: ClusterTwin) -> dict[str, int]:
    return {
        "create": sum(w.verb == "create" for w in twin.audit),
        "delete": sum(w.verb == "delete" for w in twin.audit),
        "terminal": sum(w.is_terminal for w in twin.audit),
    }


async def undisturbed(story: Story) -> tuple[ClusterTwin, Key]:
    twin, key = story.begin()
    await live(twin, [await Replica(twin).start()])
    return twin, key


async def assert_as_undisturbed(name: str, twin: ClusterTwin, key: Key) -> None:
    quiet, quiet_key = await undisturbed(STORIES[name])
    assert end_state(twin, key) == end_state(quiet, quiet_key)
    assert counts(twin) == counts(quiet)


async def live_through_crashes(twin: ClusterTwin) -> None:
    for _ in range(5):
        try:
            await live(twin, [await Replica(twin).start()])
        except Crash:
            continue
        return
    raise AssertionError("it keeps crashing")


def points(*whens: str) -> list[Any]:
    return [
        pytest.param(name, k, when, id=f"{name}-{when}-{k}")
        for name, most in WRITES.items()
        for k in range(1, most + 1)
        for when in whens
    ]


@pytest.mark.parametrize("name", STORIES)
async def test_an_undisturbed_run_ends_with_few_writes(name):
    twin, key = await undisturbed(STORIES[name])
    assert twin.run(key)["status"]["phase"] in ("Completed", "Cancelled", "Crashed")
    assert len(twin.audit) <= WRITES[name], twin.audit


async def test_a_successful_run_takes_three_writes():
    twin, _ = await undisturbed(STORIES["succeeds"])
    assert [(w.verb, w.resource, w.phase) for w in twin.audit] == [
        ("create", "jobs", ""),
        ("patch", "taskruns/status", "Running"),
        ("patch", "taskruns/status", "Completed"),
    ]


@pytest.mark.parametrize(("whose", "state"), [("a worker takes", "Called"), ("nobody takes", "NotCalled")])
async def test_the_hooks_of_a_served_run_are_a_workers(whose, state):
    twin, key = await undisturbed(STORIES[f"is served, and {whose} the hooks"])
    assert end_state(twin, key)["hooks"] == state
    assert twin.jobs() == []


async def test_a_run_whose_result_is_known_takes_one_write_and_no_job():
    twin, _ = await undisturbed(STORIES["is cached"])
    assert [(w.verb, w.resource, w.phase) for w in twin.audit] == [("patch", "taskruns/status", "Completed")]


@pytest.mark.parametrize(("name", "k", "when"), points("before", "after"))
async def test_a_crash_at_a_write_changes_nothing(name, k, when):
    twin, key = STORIES[name].begin()
    Script(k, when, Crash).install(twin)
    await live_through_crashes(twin)
    await assert_as_undisturbed(name, twin, key)


@pytest.mark.parametrize(("name", "k", "when"), points("before", "after"))
async def test_an_answer_that_is_lost_changes_nothing(name, k, when):
    twin, key = STORIES[name].begin()
    Script(k, when, lambda: Unavailable("the connection broke")).install(twin)
    await live(twin, [await Replica(twin).start()])
    await assert_as_undisturbed(name, twin, key)


@pytest.mark.parametrize(("name", "k", "when"), points("before"))
async def test_a_status_write_that_loses_a_race_changes_nothing(name, k, when):
    twin, key = STORIES[name].begin()
    seen = []

    def touch_first(verb: str, resource: str) -> None:
        if resource == "taskruns/status":
            seen.append(verb)
            if len(seen) == k:
                twin.touch(key)

    twin.before = touch_first
    await live(twin, [await Replica(twin).start()])
    await assert_as_undisturbed(name, twin, key)


@pytest.mark.parametrize("name", STORIES)
async def test_events_told_twice_and_late_change_nothing(name):
    twin, key = STORIES[name].begin()
    late: list[Any] = []

    def double_and_repeat_old_ones(news):
        late.extend(news)
        return [*news, *news, *late[:-1]]

    await live(twin, [await Replica(twin, distort=double_and_repeat_old_ones).start()])
    await assert_as_undisturbed(name, twin, key)


@pytest.mark.parametrize("name", STORIES)
async def test_two_operators_at_once_do_the_work_of_one(name):
    twin, key = STORIES[name].begin()
    await live(twin, [await Replica(twin).start(), await Replica(twin).start()])
    await assert_as_undisturbed(name, twin, key)


@pytest.mark.parametrize("name", STORIES)
async def test_a_restart_every_few_seconds_changes_nothing(name):
    twin, key = STORIES[name].begin()
    for _ in range(40):
        await live(twin, [await Replica(twin).start()], seconds=1.5)
    await live(twin, [await Replica(twin).start()])
    await assert_as_undisturbed(name, twin, key)
