"""Services that do not answer for a while, as the caller of a task meets them."""

from __future__ import annotations

import logging
import threading

import pytest

from ferryman import task
from ferryman.client import Client
from ferryman.exceptions import ClusterUnavailable, PermissionDenied, StoreUnavailable
from ferryman.patience import Patience
from ferryman.testing import InMemoryCluster, InMemoryStore, LocalExecution


@task
def double(x: int) -> int:
    return 2 * x


@task
def refuse(x: int) -> int:
    raise ValueError(f"not {x}")


class Clock:
    """Goes on as far as one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Flaky:
    """Fails so many times."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("no answer")
        return "answer"


class StoreOnStrike(InMemoryStore):
    """Gives no result back until work is resumed."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work = threading.Event()
        self.refused = threading.Event()

    def get(self, key, **range_):
        if key.endswith("/result") and not self.at_work.is_set():
            self.refused.set()
            raise StoreUnavailable(f"cannot get {key}")
        return super().get(key, **range_)


class ClusterOnStrike(InMemoryCluster):
    """Creates the first run, then refuses a few times."""

    def __init__(self, *errors: Exception, after: int = 1) -> None:
        super().__init__()
        self.after = after
        self.errors = list(errors)

    def create_run(self, manifest):
        if self.after == 0 and self.errors:
            raise self.errors.pop()
        self.after = max(0, self.after - 1)
        return super().create_run(manifest)


def patience(seconds: float = 1e9) -> Patience:
    clock = Clock()
    return Patience(seconds, sleep=clock.sleep, clock=clock)


def test_a_request_is_tried_until_it_succeeds():
    assert patience().call(Flaky(200), StoreUnavailable, "it waits", lambda _: None) == "answer"


def test_the_last_error_is_raised_when_time_is_up():
    with pytest.raises(StoreUnavailable):
        patience(60).call(Flaky(200), StoreUnavailable, "it waits", lambda _: None)


def test_other_errors_are_not_waited_for():
    with pytest.raises(StoreUnavailable):
        patience().call(Flaky(1), PermissionDenied, "it waits", lambda _: None)


def test_whoever_waits_hears_why_each_time():
    heard: list[str] = []
    patience().call(Flaky(3), StoreUnavailable, "it cannot be fetched", heard.append)
    assert heard == ["it cannot be fetched yet: no answer"] * 3


def test_the_log_has_an_outage_once_whatever_the_number_of_those_who_wait(caplog):
    shared = patience()
    with caplog.at_level(logging.WARNING, "ferryman"):
        for _ in range(5):
            shared.call(Flaky(2), StoreUnavailable, "it waits", lambda _: None)
    assert len(caplog.messages) == 1


def test_nobody_waits_on_when_it_is_given_up():
    waiting = Patience()
    failed = threading.Event()

    def wait() -> None:
        with pytest.raises(StoreUnavailable):
            waiting.call(Flaky(10**9), StoreUnavailable, "it waits", lambda _: heard.set())
        failed.set()

    heard = threading.Event()
    threading.Thread(target=wait, daemon=True).start()
    assert heard.wait(20)
    waiting.give_up()
    assert failed.wait(20)


@pytest.fixture
def on_strike():
    cluster, store = InMemoryCluster(), StoreOnStrike()
    execution = LocalExecution(cluster, store)
    with Client(cluster, store, namespace="default"):
        yield store
    execution.close()


def test_a_result_waits_for_a_store_that_does_not_answer(on_strike):
    future = double.submit(4)
    assert on_strike.refused.wait(20)
    assert not future.done()
    on_strike.at_work.set()
    assert future.result(20) == 8


def test_an_exception_waits_for_a_store_that_does_not_answer(on_strike):
    future = refuse.submit(4)
    assert on_strike.refused.wait(20)
    on_strike.at_work.set()
    with pytest.raises(ValueError, match="not 4"):
        future.result(20)


def test_a_future_says_that_its_outcome_waits_for_the_store(on_strike):
    future = double.submit(4)
    with pytest.raises(TimeoutError, match=r"has ended, and its outcome cannot be fetched yet: cannot get"):
        future.result(0.5)
    assert future.state.is_completed()


def test_a_map_goes_on_when_the_api_server_was_away():
    cluster = ClusterOnStrike(ClusterUnavailable("no answer"), ClusterUnavailable("no answer"))
    with Client(cluster, InMemoryStore(), namespace="default"):
        double.submit(0)
        futures = double.map(range(1, 5))
    assert len(cluster.list_runs("default")) == 5
    assert not any(future.done() for future in futures)


def test_a_first_run_is_told_at_once_that_there_is_no_api_server():
    cluster = ClusterOnStrike(ClusterUnavailable("no answer"), after=0)
    with (
        Client(cluster, InMemoryStore(), namespace="default"),
        pytest.raises(ClusterUnavailable, match="no answer"),
    ):
        double.submit(1)
