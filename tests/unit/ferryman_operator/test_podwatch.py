"""The stream of pods that succeed: it begins at now, and whatever becomes of it nobody else is stopped."""

from __future__ import annotations

import logging

from builders.feeds import Playback
from ferryman_operator.cluster import ClusterError, Gone, Unavailable
from ferryman_operator.podwatch import PodWatch
from ferryman_operator.successes import Successes


def a_pod(job, version):
    owner = {"kind": "Job", "uid": job, "controller": True}
    meta = {"name": job, "uid": f"uid-{job}", "namespace": "default", "ownerReferences": [owner]}
    return {"metadata": meta | {"resourceVersion": str(version)}, "status": {"phase": "Succeeded"}}


class Feed(Playback):
    """Is at version 10."""

    watch_succeeded_pods = Playback.watch

    async def version_of_pods(self, namespace):
        self.asked.append("version")
        return "10"


async def followed(feed):
    successes = Successes()
    await feed.played_to(PodWatch(feed, successes).run())
    return successes


async def test_it_begins_at_now():
    feed = Feed()
    await followed(feed)
    assert feed.asked == ["version", "10"]


async def test_a_pod_that_succeeds_is_noted():
    successes = await followed(Feed([("ADDED", a_pod("job", 12))]))
    assert successes.take("default", "job").name == "job"


async def test_what_happens_to_a_pod_later_is_not():
    feed = Feed([("MODIFIED", a_pod("job", 12)), ("DELETED", a_pod("job", 13)), ("BOOKMARK", a_pod("", 20))])
    successes = await followed(feed)
    assert successes.take("default", "job") is None


async def test_a_stream_that_breaks_goes_on_where_it_was():
    feed = Feed([("ADDED", a_pod("job", 12)), Unavailable("reset")])
    await followed(feed)
    assert feed.asked == ["version", "10", "12"]


async def test_a_version_that_is_forgotten_is_followed_by_a_new_beginning_at_now():
    feed = Feed([Gone("too old")])
    await followed(feed)
    assert feed.asked == ["version", "10", "version", "10"]


async def test_a_right_that_is_missing_is_told_once(caplog):
    forbidden = ClusterError("watch pods: the operator cannot watch resource pods")
    with caplog.at_level(logging.INFO):
        await followed(Feed([forbidden], [forbidden]))
    assert [record.message.partition("watch pods")[0] for record in caplog.records] == [
        "pods (until then those of every run are listed): cannot be followed, and is tried again: "
    ]
