"""What a worker claims, how much at a time, and what it does with news, without processes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from builders.served_runs import ENTRYPOINT, a_served_run
from builders.workers import until
from ferryman.exceptions import WriteConflict
from ferryman.worker import agent as agents
from ferryman.worker.agent import Agent
from ferryman.worker.errand import Desk


@dataclass
class Cluster:
    """Takes claims and reports; `conflict` names runs that others are quicker to claim."""

    conflict: set[str] = field(default_factory=set)
    claimed: list[tuple[str, int]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)

    def patch_status(self, name, patch):
        if isinstance(patch, list):
            self.reported.append(name)
            return {}
        if name in self.conflict:
            raise WriteConflict(name)
        lease = patch["status"]["lease"]
        self.claimed.append((name, lease["attempt"]))
        return a_served_run(name, version="50").claimed_by(lease["worker"], lease["token"]).json


class Held:
    """In place of `Errand._carry_out`: runs last until they are let go."""

    def __init__(self, monkeypatch):
        self.gate = threading.Semaphore(0)
        self.stopped = []
        held = self

        def carry_out(errand, _run):
            held.gate.acquire()
            return errand._returned("over")

        monkeypatch.setattr(agents.Errand, "_carry_out", carry_out)
        monkeypatch.setattr(agents.Errand, "stop", lambda errand: held.stopped.append(errand.claim.name))


@pytest.fixture
def held(monkeypatch):
    return Held(monkeypatch)


@pytest.fixture
def cluster():
    return Cluster()


def an_agent(cluster, limit=2, holds=lambda: True):
    desk = Desk(cluster, store=None, forge=None, worker="worker-1", duration=15)
    return Agent(desk, {ENTRYPOINT}, limit=limit, holds=holds)


def test_no_more_runs_are_claimed_than_the_limit_allows(cluster, held):
    agent = an_agent(cluster, limit=2)
    for n in range(5):
        agent.see(a_served_run(f"run-{n}").json)
    until(lambda: len(cluster.claimed) == 2)
    assert agent.active == 2
    held.gate.release(5)
    until(lambda: len(cluster.reported) == 5)
    assert agent.await_idle(10)


def test_a_run_that_another_worker_claimed_is_left_to_it(cluster, held):
    cluster.conflict = {"taken"}
    agent = an_agent(cluster, limit=1)
    held.gate.release(1)
    agent.see(a_served_run("taken").json)
    agent.see(a_served_run("free").json)
    until(lambda: cluster.reported == ["free"])
    assert cluster.claimed == [("free", 1)]


def test_nothing_is_claimed_without_a_lease(cluster, held):
    held.gate.release(1)
    has_lease = []
    agent = an_agent(cluster, holds=lambda: bool(has_lease))
    agent.see(a_served_run().json)
    assert cluster.claimed == []
    has_lease.append(True)
    agent.fill()
    until(lambda: cluster.reported == ["letter"])


def test_the_next_attempt_may_be_offered_before_the_last_one_is_out_of_our_hands(cluster, held):
    agent = an_agent(cluster)
    agent.see(a_served_run().json)
    until(lambda: cluster.claimed)
    agent.see(a_served_run(version="60").after_failures(1).offered(2).json)
    held.gate.release(2)
    until(lambda: cluster.claimed == [("letter", 1), ("letter", 2)])


def test_a_run_that_is_cancelled_or_lost_or_gone_is_stopped(cluster, held):
    agent = an_agent(cluster, limit=None)
    for name in ("cancelled", "lost", "gone"):
        agent.see(a_served_run(name).json)
    until(lambda: len(cluster.claimed) == 3)
    agent.see(a_served_run("lost", version="60").json)
    agent.see(a_served_run("cancelled", version="60").that(cancelRequested=True).json)
    agent.see(a_served_run("gone", version="60").json, is_gone=True)
    assert sorted(held.stopped) == ["cancelled", "gone", "lost"]
    held.gate.release(3)


def test_news_from_before_the_claim_stop_nothing(cluster, held):
    agent = an_agent(cluster)
    agent.see(a_served_run().json)
    until(lambda: cluster.claimed)
    agent.see(a_served_run(version="2").json)
    assert held.stopped == []
    held.gate.release(1)


def test_a_claim_that_seemed_lost_and_is_ours_is_given_back(cluster, held):
    cluster.conflict = {"letter"}
    agent = an_agent(cluster)
    agent.see(a_served_run().json)
    assert agent.await_idle(10)
    (token,) = agent._unsettled
    agent.see(a_served_run(version="60").claimed_by("worker-1", token).json)
    until(lambda: cluster.reported == ["letter"])


def test_draining_claims_no_more_and_stops_what_does_not_end(cluster, held):
    agent = an_agent(cluster)
    agent.see(a_served_run().json)
    until(lambda: cluster.claimed)
    agent.drain(0.0)
    assert held.stopped == ["letter"]
    agent.see(a_served_run("late").json)
    held.gate.release(1)
    assert agent.await_idle(10)
    assert cluster.claimed == [("letter", 1)]
