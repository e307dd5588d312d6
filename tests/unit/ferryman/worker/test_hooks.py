"""The hooks of a served run that ended without a word of them: which a worker takes, and what it writes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from builders.served_runs import ENTRYPOINT, a_served_run
from builders.workers import until
from ferryman.api.hooks import HooksReport
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Mode, Report, RunEnding, encode_report
from ferryman.exceptions import ClusterUnavailable, WriteConflict
from ferryman.worker import agent as agents
from ferryman.worker import protocol
from ferryman.worker.agent import Agent
from ferryman.worker.errand import Desk
from ferryman.worker.protocol import Claim

CLAIM = Claim("letter", "uid-of-letter", 0, "token-a")
ENDED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
IN_TIME = ENDED + 60


def have_to_call(run, now=IN_TIME, store="default"):
    return protocol.have_hooks_to_call(run.json, {ENTRYPOINT}, store, now)


def test_the_hooks_of_a_run_that_has_ended_wait_for_any_worker_of_its_task():
    assert have_to_call(a_served_run().whose_hooks())


@pytest.mark.parametrize(
    "run",
    [
        a_served_run(),
        a_served_run().whose_hooks("Started", "token-b"),
        a_served_run().whose_hooks("Called"),
        a_served_run().whose_hooks().that(executor="Job"),
        a_served_run().whose_hooks().that(function={"entrypoint": "mail:other"}),
        a_served_run().whose_hooks().that(result={"store": "another"}),
        a_served_run().whose_hooks().that(startTimeout="soon"),
        a_served_run().whose_hooks().with_metadata(deletionTimestamp="2026-11-22T12:00:00Z"),
    ],
)
def test_what_is_not_to_be_taken(run):
    assert not have_to_call(run)


def test_hooks_that_waited_too_long_are_the_operators_to_give_up():
    run = a_served_run().whose_hooks()
    assert have_to_call(run, ENDED + 15 * 60 - 1)
    assert not have_to_call(run, ENDED + 15 * 60)


def test_hooks_are_for_the_workers_of_their_runs_store():
    assert have_to_call(a_served_run().whose_hooks().that(result={"store": "archive"}), store="archive")


def test_a_run_whose_hooks_wait_has_no_attempt_to_claim():
    assert protocol.attempt_to_claim(a_served_run().whose_hooks().json, {ENTRYPOINT}, "default") is None


def test_they_are_taken_with_the_version_that_was_seen():
    patch = protocol.hooks_claim_patch(a_served_run(version="41").whose_hooks().json, CLAIM, "worker-1")
    assert patch == {
        "metadata": {"uid": "uid-of-letter", "resourceVersion": "41"},
        "status": {"hooks": {"state": "Started", "jobUID": "token-a", "worker": "worker-1"}},
    }


def test_the_child_is_told_how_the_run_ended_and_nothing_to_execute():
    run = a_served_run().whose_hooks(attemptCount=2).that(parameters={"values": {"x": 1}})
    told = protocol.hooks_assignment(run.json, CLAIM, "worker-1")
    assert (told.mode, told.attempt, told.values) == (Mode.HOOKS, 2, None)
    assert told.ending == RunEnding(Reason.CANCELLED, "Somebody cancelled it.")
    assert told.not_after == ENDED + 15 * 60


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report("u", 0, Reason.COMPLETED, hooks=HooksReport(called=True)), {"state": "Called"}),
        (
            Report("u", 0, Reason.COMPLETED, hooks=HooksReport(called=True, message="a raised")),
            {"state": "Called", "message": "a raised"},
        ),
        (
            Report("u", 0, Reason.MODULE_NOT_FOUND, "no such module"),
            {"state": "NotCalled", "message": "no such module"},
        ),
    ],
)
def test_what_came_of_them_is_written_unless_they_are_not_ours_any_more(report, said):
    *tests, replacement = protocol.hooks_report_patch(CLAIM, "worker-1", encode_report(report))
    assert [(one["path"], one["value"]) for one in tests] == [
        ("/metadata/uid", "uid-of-letter"),
        ("/status/hooks/jobUID", "token-a"),
    ]
    assert replacement["value"] == {"jobUID": "token-a", "worker": "worker-1", **said}


@dataclasses.dataclass
class Cluster:
    """One run whose hooks wait. `broken` are what the next claims raise, after or before they are done."""

    broken: list[tuple[str, Exception]] = dataclasses.field(default_factory=list)
    found: dict = dataclasses.field(default_factory=lambda: now_ended().json)
    written: list = dataclasses.field(default_factory=list)

    def get_run(self, name):
        return self.found

    def patch_status(self, name, patch):
        if isinstance(patch, list):
            self.written.append(patch[-1]["value"]["state"])
            return {}
        when, error = self.broken.pop(0) if self.broken else ("", None)
        if when != "before":
            hooks = patch["status"]["hooks"]
            self.found = now_ended(version="50").with_status(hooks=hooks).json
            self.written.append(hooks["state"])
        if error is not None:
            raise error
        return self.found


def now_ended(version="1"):
    return a_served_run(version=version).whose_hooks(finishedAt=datetime.now(UTC).isoformat())


@pytest.fixture
def called(monkeypatch):
    """In place of the child: it calls them at once."""
    calls = []

    def carry_out(errand, _run):
        calls.append(errand.claim.name)
        return encode_report(Report("u", 0, Reason.COMPLETED, hooks=HooksReport(called=True)))

    monkeypatch.setattr(agents.HooksErrand, "_carry_out", carry_out)
    return calls


def an_agent(cluster):
    desk = Desk(cluster, store=None, forge=None, worker="worker-1", duration=15)
    return Agent(desk, {ENTRYPOINT}, limit=1)


def take_and_call(cluster):
    """A worker sees the run, and has taken its hooks, called them, and said so in the end."""
    agent = an_agent(cluster)
    agent.see_ended(cluster.found)
    until(lambda: cluster.written == ["Started", "Called"])
    assert agent.await_idle(10)


def test_a_worker_takes_them_calls_them_and_says_so(called):
    cluster = Cluster()
    take_and_call(cluster)
    assert len(called) == 1


@pytest.mark.parametrize("error", [ClusterUnavailable("broken"), WriteConflict("at the second try")])
def test_they_are_called_where_only_the_reply_was_lost(called, error):
    cluster = Cluster([("after", error)])
    take_and_call(cluster)
    assert len(called) == 1


def test_they_are_taken_at_the_next_try_where_the_first_was_not_done(called):
    cluster = Cluster([("before", ClusterUnavailable("broken"))])
    take_and_call(cluster)
    assert len(called) == 1


def test_what_another_worker_took_is_left_to_it(called):
    cluster = Cluster([("before", WriteConflict("changed"))])
    seen, cluster.found = cluster.found, now_ended(version="60").whose_hooks("Started", "token-b").json
    agent = an_agent(cluster)
    agent.see_ended(seen)
    assert agent.await_idle(10)
    assert (cluster.written, called) == ([], [])


def test_they_wait_for_room_like_runs_and_may_be_gone_by_then(called):
    cluster = Cluster()
    has_lease = []
    desk = Desk(cluster, store=None, forge=None, worker="worker-1", duration=15)
    agent = Agent(desk, {ENTRYPOINT}, limit=1, holds=lambda: bool(has_lease))
    agent.see_ended(cluster.found)
    agent.see_ended(cluster.found, is_gone=True)
    has_lease.append(True)
    agent.fill()
    assert (agent.active, cluster.written) == (0, [])


def test_a_worker_that_drains_takes_none(called):
    cluster = Cluster()
    agent = an_agent(cluster)
    agent.drain(0.0)
    agent.see_ended(cluster.found)
    assert (agent.active, cluster.written) == (0, [])
