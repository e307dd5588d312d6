"""When the Lease of a worker was seen to change, on the operator's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from builders.runs import T0, a_run
from ferryman.api.taskrun import Lease
from ferryman_operator.reconcile.observed import Key, Renewal
from ferryman_operator.workers import Workers

LEASE = Lease(worker="worker-1", token="t", attempt=1, acquired_at=T0, duration_seconds=15)
RUN = a_run().that(executor="Worker").with_status(lease=LEASE).run
KEY = Key("default", "worker-1")
LATER = T0 + timedelta(seconds=20)


def renewed_at(text):
    return {"spec": {"renewTime": text, "holderIdentity": "worker-1"}}


def test_nothing_is_known_before_the_first_look():
    assert Workers().of(RUN) is None


def test_a_renewal_counts_from_when_it_was_seen():
    workers = Workers()
    workers.note(KEY, renewed_at("1"), T0)
    workers.note(KEY, renewed_at("2"), LATER)
    assert workers.of(RUN) == Renewal(LATER, LATER)


def test_a_lease_that_does_not_change_is_not_renewed():
    workers = Workers()
    workers.note(KEY, renewed_at("1"), T0)
    workers.note(KEY, renewed_at("1"), LATER)
    assert workers.of(RUN) == Renewal(T0, LATER)


def test_a_lease_that_is_gone_is_not_renewed():
    workers = Workers()
    workers.note(KEY, renewed_at("1"), T0)
    workers.note(KEY, None, LATER)
    assert workers.of(RUN) == Renewal(T0, LATER)


def test_workers_of_one_name_in_two_namespaces_are_two():
    workers = Workers()
    workers.note(KEY, renewed_at("1"), T0)
    assert workers.of(replace(RUN, key=Key("other", "report"))) is None
