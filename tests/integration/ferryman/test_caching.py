"""Shared results in a cluster: what a second call of the same costs, and when it is computed anew."""

from __future__ import annotations

from datetime import timedelta

import kubernetes
import pytest

from ferryman import client, task
from ferryman.cache_policies import INPUTS, TASK_SOURCE
from ferryman.caching.entries import Entry
from ferryman.serializers import CompressedSerializer, JSONSerializer

WAIT = 90


@task(cache_policy=INPUTS)
def stamp(name):
    import uuid

    return [name, uuid.uuid4().hex]


@task
def length(values):
    return len(values)


@task
def same(value):
    return value


@pytest.fixture
def jobs(in_cluster, namespace):
    """The names of the Jobs of the test's namespace, as the API server has them."""

    with kubernetes.config.new_client_from_config(str(in_cluster.kubeconfig)) as api:
        batch = kubernetes.client.BatchV1Api(api)
        yield lambda: {one.metadata.name for one in batch.list_namespaced_job(namespace).items}


def how(future):
    return future.state.name, future.state.reason


def entry_of(call, namespace):
    """The cache entry of a submitted call."""
    manifest = client.current().cluster.get_run(namespace, call.name)
    return Entry(client.current().store, namespace, manifest["spec"]["result"]["cacheKey"])


def test_the_second_call_of_the_same_is_cached_and_has_no_job(jobs):
    first = stamp.submit("a").result(WAIT)
    before = jobs()
    second = stamp.submit("a")
    assert second.result(WAIT) == first
    assert how(second) == ("Cached", "Cached")
    assert jobs() == before
    assert second.run.attempts == ()


def test_other_arguments_are_computed(jobs):
    assert stamp.submit("a").result(WAIT) != stamp.submit("b").result(WAIT)


def test_a_map_computes_what_is_not_shared_yet(jobs):
    first = stamp.submit("b").result(WAIT)
    found = stamp.map(["a", "b", "c"])
    assert found.result(WAIT)[1] == first
    assert [one.state.name for one in found] == ["Completed", "Cached", "Completed"]


def test_a_shared_result_is_an_upstream_like_any_other(in_cluster):
    first = stamp.submit("a")
    first.result(WAIT)
    second = stamp.submit("a")
    assert length.submit(second).result(WAIT) == 2


def test_with_futures_among_the_arguments_the_runner_makes_the_key(in_cluster):
    known = stamp.submit("a").result(WAIT)
    unknown = stamp.submit(same.submit("a"))
    assert unknown.result(WAIT) == known
    assert how(unknown) == ("Cached", "Cached")
    assert len(unknown.run.attempts) == 1


def test_what_the_runner_shared_is_found_at_submit(in_cluster):
    first = stamp.submit(same.submit("a")).result(WAIT)
    second = stamp.submit("a")
    assert second.result(WAIT) == first
    assert second.run.attempts == ()


def test_a_refreshed_result_is_the_one_that_is_shared(in_cluster):
    first = stamp.submit("a").result(WAIT)
    refreshed = stamp.with_options(refresh_cache=True).submit("a").result(WAIT)
    assert refreshed != first
    assert stamp.submit("a").result(WAIT) == refreshed


def test_a_result_that_has_expired_is_computed_anew(in_cluster, namespace):
    brief = stamp.with_options(cache_expiration=timedelta(hours=1))
    first = brief.submit("a")
    first.result(WAIT)
    entry = entry_of(first, namespace)
    assert 3590 < entry.read().expires - entry.read().created <= 3600
    # Shared so long ago that it counts no more.
    import dataclasses

    entry.write(dataclasses.replace(entry.read(), expires=1.0), replace=True)
    second = brief.submit("a")
    assert second.result(WAIT) != first.result()
    assert entry.find().uid == second.task_run_id


def test_a_corrupted_record_is_a_miss_and_is_overwritten(in_cluster, namespace):
    first = stamp.submit("a")
    first.result(WAIT)
    entry = entry_of(first, namespace)
    client.current().store.put(entry.path, b"\x00 no record")
    second = stamp.submit("a")
    assert second.result(WAIT) != first.result()
    assert entry.find().uid == second.task_run_id


def test_a_task_that_shares_nothing_asks_for_nothing(in_cluster, namespace):
    future = same.submit(1)
    future.result(WAIT)
    told = client.current().cluster.get_run(namespace, future.name)["spec"].get("result", {})
    assert told.keys().isdisjoint({"cacheKey", "cacheScope", "hit"})
    again = same.submit(1)
    again.result(WAIT)
    assert again.state.name == "Completed"


def test_a_storage_key_is_the_key_and_the_name_of_the_result(in_cluster, namespace):
    named = stamp.with_options(result_storage_key="stamps/{parameters[name]}", cache_policy=TASK_SOURCE)
    first = named.submit("a")
    first.result(WAIT)
    second = named.submit("a")
    assert second.result(WAIT) == first.result()
    status = client.current().cluster.get_run(namespace, second.name)["status"]
    assert (status["result"]["key"], status["result"]["cached"]) == ("stamps/a", True)


class Reversed:
    """A serializer of a user's own."""

    def dumps(self, obj):
        import json

        return json.dumps(obj).encode()[::-1]

    def loads(self, blob):
        import json

        return json.loads(blob[::-1])


@pytest.mark.parametrize(
    "serializer", [CompressedSerializer(JSONSerializer()), Reversed()], ids=["compressed", "own"]
)
def test_a_result_may_be_written_otherwise_and_cached_so(in_cluster, serializer):
    written = stamp.with_options(result_serializer=serializer)
    first = written.submit("a").result(WAIT)
    assert written.submit("a").result(WAIT) == first
    assert length.submit(written.submit("a")).result(WAIT) == 2
