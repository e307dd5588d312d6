"""The work queue: order, fairness, one worker per key, timers and backoff, on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ferryman_operator.reconcile.observed import Key
from ferryman_operator.workqueue import Lane, WorkQueue
from simulation.cluster_twin import SimulatedClock


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def queue(clock):
    return WorkQueue(clock.monotonic)


def take_all(queue):
    taken = []
    while (key := queue.take()) is not None:
        taken.append(str(key))
        queue.done(key)
    return taken


def test_a_key_that_is_added_twice_is_taken_once(queue):
    queue.add(Key("a", "x"))
    queue.add(Key("a", "x"))
    assert take_all(queue) == ["a/x"]


def test_the_most_urgent_lane_goes_first(queue):
    queue.add(Key("a", "start"), Lane.STARTING)
    queue.add(Key("a", "run"), Lane.RUNNING)
    queue.add(Key("a", "end"), Lane.ENDING)
    assert take_all(queue) == ["a/end", "a/run", "a/start"]


def test_a_queued_key_becomes_more_urgent_and_never_less(queue):
    queue.add(Key("a", "first"), Lane.RUNNING)
    queue.add(Key("a", "second"), Lane.STARTING)
    queue.add(Key("a", "second"), Lane.ENDING)
    queue.add(Key("a", "second"), Lane.STARTING)
    assert take_all(queue) == ["a/second", "a/first"]


def test_namespaces_take_turns(queue):
    for i in range(5):
        queue.add(Key("big", str(i)))
    queue.add(Key("small", "0"))
    assert take_all(queue)[:2] == ["big/0", "small/0"]


def test_a_key_in_work_is_not_taken_again_until_it_is_done(queue):
    key = Key("a", "x")
    queue.add(key)
    assert queue.take() == key
    queue.add(key)
    assert queue.take() is None
    queue.done(key)
    assert queue.take() == key


def test_a_timer_fires_when_its_time_has_come(queue, clock):
    queue.schedule(Key("a", "x"), clock.monotonic() + 10)
    assert queue.take() is None
    clock.advance(10)
    assert take_all(queue) == ["a/x"]
    assert queue.next_due is None


def test_a_key_has_one_timer_the_last_that_was_set(queue, clock):
    key = Key("a", "x")
    queue.schedule(key, clock.monotonic() + 10)
    queue.schedule(key, clock.monotonic() + 20)
    clock.advance(15)
    assert queue.take() is None
    queue.schedule(key, None)
    clock.advance(100)
    assert queue.take() is None


def test_the_delay_doubles_with_each_failure_up_to_a_cap(queue):
    delays = [queue.back_off(Key("a", "x")) for _ in range(9)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_success_ends_the_row_of_failures(queue):
    key = Key("a", "x")
    queue.back_off(key)
    queue.back_off(key)
    queue.succeed(key)
    assert queue.back_off(key) == 0.5


def test_the_api_servers_own_delay_is_kept(queue):
    assert queue.back_off(Key("a", "x"), 17.0) == 17.0


def test_the_oldest_keys_age_counts_from_its_first_add(queue, clock):
    queue.add(Key("a", "x"), Lane.STARTING)
    clock.advance(3)
    queue.add(Key("a", "x"), Lane.ENDING)
    clock.advance(4)
    assert queue.oldest_age == 7


async def test_next_wakes_up_for_an_add(queue):
    waiting = asyncio.create_task(queue.next())
    await asyncio.sleep(0)
    queue.add(Key("a", "x"))
    assert await asyncio.wait_for(waiting, 10) == Key("a", "x")


KEYS = st.builds(Key, st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y"]))


class QueueMachine(RuleBasedStateMachine):
    """Against a model: a set of dirty keys and a set of keys in work."""

    def __init__(self):
        super().__init__()
        self.queue = WorkQueue(SimulatedClock().monotonic)
        self.dirty: set[Key] = set()
        self.working: set[Key] = set()

    @rule(key=KEYS, lane=st.sampled_from(Lane))
    def add(self, key, lane):
        self.queue.add(key, lane)
        self.dirty.add(key)

    @rule()
    def take(self):
        key = self.queue.take()
        ready = self.dirty - self.working
        assert (key in ready) if ready else key is None
        if key is not None:
            self.dirty.discard(key)
            self.working.add(key)

    @rule(data=st.data())
    def done(self, data):
        if self.working:
            key = data.draw(st.sampled_from(sorted(self.working)))
            self.queue.done(key)
            self.working.discard(key)

    @invariant()
    def counts_agree(self):
        assert self.queue.depth == len(self.dirty - self.working)
        assert self.queue.working == len(self.working)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("sizes", [{"a": 1000, "b": 10, "c": 1}])
def test_a_small_namespace_is_through_within_its_share(queue, sizes):
    for namespace, size in sizes.items():
        for i in range(size):
            queue.add(Key(namespace, str(i)))
    first = Counter(name.split("/")[0] for name in take_all(queue)[:21])
    assert first == {"a": 10, "b": 10, "c": 1}
