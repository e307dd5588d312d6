"""The claim: one process, and only one ever, may execute an attempt."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, BlobRef, EarlierAttempt
from ferryman.exceptions import ObjectExists, StoreNotConditional, StoreUnavailable
from ferryman.runner import claim
from ferryman.runner.ending import Ended
from ferryman.wire import conditional, keys
from ferryman.wire.memory import MemoryStore

UNSAMPLED = next(
    u for u in map(str, itertools.count()) if not any(conditional.is_sampled(u, n) for n in range(1, 9))
)


def an_attempt(number=1, *, earlier=(), uid=UNSAMPLED):
    return Assignment(
        namespace="ns",
        run="run",
        uid=uid,
        attempt=number,
        job=f"job-{number}",
        task="task",
        code=BlobRef("0" * 64, 1),
        earlier=tuple(EarlierAttempt(n, f"job-uid-{n}") for n in earlier),
    )


def a_claimant(number=1, token="mine"):
    return claim.Claimant(
        job_uid=f"job-uid-{number}", pod_uid="pod-uid", pod_name="pod", job="job", token=token, started=1.0
    )


def take(store, number=1, *, token="mine", earlier=(), uid=UNSAMPLED, allow_unconditional=False):
    claim.take(
        store,
        an_attempt(number, earlier=earlier, uid=uid),
        a_claimant(number, token),
        allow_unconditional=allow_unconditional,
    )


def key(number=1):
    return keys.claim("ns", UNSAMPLED, number)


def reason_of(caught):
    return caught.value.ending.reason


def test_a_first_claim_is_one_request():
    store = MemoryStore()
    take(store)
    assert store.requests == {"create": 1}


def test_the_claim_names_job_pod_and_process():
    store = MemoryStore()
    take(store)
    body = json.loads(store.objects[key()])
    assert (body["job_uid"], body["pod_uid"], body["token"]) == ("job-uid-1", "pod-uid", "mine")


def test_a_second_process_loses():
    store = MemoryStore()
    take(store)
    with pytest.raises(Ended) as caught:
        take(store, token="another")
    assert reason_of(caught) is Reason.CLAIM_LOST


def test_a_second_process_of_the_same_pod_loses_too():
    store = MemoryStore()
    store.put(key(), json.dumps({"pod_uid": "pod-uid", "job_uid": "job-uid-1"}).encode())
    with pytest.raises(Ended) as caught:
        take(store)
    assert reason_of(caught) is Reason.CLAIM_LOST


def test_a_claim_whose_reply_was_lost_is_ours():
    take(LosesReplies())


def test_a_conflict_with_a_create_that_failed_is_tried_again():
    take(Conflicted(times=2))


def test_a_store_that_contradicts_itself_for_ever_is_unavailable():
    with pytest.raises(StoreUnavailable):
        take(Conflicted(times=99))


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"[" * 9000, b"\xff"], ids=lambda b: repr(b[:9]))
def test_a_claim_that_cannot_be_read_is_not_ours(body):
    store = MemoryStore()
    store.put(key(), body)
    with pytest.raises(Ended) as caught:
        take(store)
    assert reason_of(caught) is Reason.CLAIM_LOST


def test_a_later_attempt_reads_each_earlier_claim_once():
    store = MemoryStore()
    take(store, 1)
    store.requests.clear()
    take(store, 2, earlier=[1])
    assert store.requests == {"get": 1, "create": 1}


def test_what_an_earlier_attempt_left_unclaimed_is_claimed():
    store = MemoryStore()
    take(store, 3, earlier=[1, 2])
    with pytest.raises(Ended):
        take(store, 2, token="late", earlier=[1])


def test_a_claim_that_a_later_attempt_of_the_ledger_took_is_fine():
    store = MemoryStore()
    take(store, 2, earlier=[1])
    take(store, 3, token="third", earlier=[1, 2])


def test_an_earlier_claim_of_an_unknown_job_is_an_inconsistent_ledger():
    store = MemoryStore()
    store.put(key(1), json.dumps({"job_uid": "forged", "token": "x"}).encode())
    with pytest.raises(Ended) as caught:
        take(store, 2, earlier=[1])
    assert reason_of(caught) is Reason.LEDGER_INCONSISTENT
    assert key(2) not in store.objects


@given(order=st.permutations([1, 1, 2, 2, 3, 3]))
def test_in_whatever_order_pods_arrive_an_attempt_is_executed_at_most_once_and_never_after_a_later_one(order):
    store, executed = MemoryStore(), []
    for token, number in enumerate(order):
        try:
            take(store, number, token=str(token), earlier=range(1, number))
        except Ended:
            continue
        executed.append(number)
    assert executed == sorted(set(executed))
    assert executed


# Stores that ignore the condition


def test_a_sampled_attempt_refuses_a_store_that_ignores_the_condition():
    uid = next(u for u in map(str, itertools.count()) if conditional.is_sampled(u, 1))
    with pytest.raises(StoreNotConditional):
        take(Ignorant(), uid=uid)


def test_a_store_that_ignores_the_condition_is_used_where_that_is_allowed():
    uid = next(u for u in map(str, itertools.count()) if conditional.is_sampled(u, 1))
    take(Ignorant(), uid=uid, allow_unconditional=True)


def test_about_one_attempt_in_sixty_four_is_sampled():
    sampled = sum(conditional.is_sampled(str(n), 1) for n in range(6400))
    assert 60 < sampled < 140


class LosesReplies(MemoryStore):
    def create(self, key, body):
        if key not in self.objects:
            super().create(key, body)
        raise ObjectExists


class Conflicted(MemoryStore):
    def __init__(self, times):
        super().__init__()
        self._left = times

    def create(self, key, body):
        self._left -= 1
        if self._left >= 0:
            raise ObjectExists
        super().create(key, body)


class Ignorant(MemoryStore):
    def create(self, key, body):
        self.put(key, body)
