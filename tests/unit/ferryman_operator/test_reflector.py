"""The stream of Jobs: what is listed and watched reaches the intake, whatever happens to the connection."""

from __future__ import annotations

from builders.feeds import Playback
from ferryman.api import names
from ferryman_operator.cache import Cache
from ferryman_operator.cluster import Gone, Page, Unavailable
from ferryman_operator.intake import Intake
from ferryman_operator.reflector import Reflector
from ferryman_operator.workqueue import WorkQueue


def a_job(name, version):
    labels = {names.ATTEMPT_LABEL: "1"}
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": labels}
    return {"metadata": meta | {"resourceVersion": str(version)}}


class Feed(Playback):
    """Lists `listed` at version 10."""

    watch_jobs = Playback.watch

    def __init__(self, *streams, listed=()):
        super().__init__(*streams)
        self._listed = listed

    async def list_jobs(self, namespace, *, metadata_only=False):
        self.asked.append("list")
        yield Page(self._listed, "10")


async def followed(feed):
    cache = Cache()
    relisted = []
    reflector = Reflector(feed, Intake(cache, WorkQueue(lambda: 0.0)), lambda: relisted.append(1))
    await feed.played_to(reflector.run())
    return cache, len(relisted)


async def test_what_is_listed_and_what_is_told_is_known():
    feed = Feed([("ADDED", a_job("new", 12)), ("DELETED", a_job("old", 13))], listed=[a_job("old", 5)])
    cache, _ = await followed(feed)
    assert [job.name for job in cache.jobs()] == ["new"]


async def test_a_stream_that_breaks_goes_on_from_the_last_version_seen():
    feed = Feed([("ADDED", a_job("one", 12)), Unavailable("reset")], [("BOOKMARK", a_job("", 20))])
    await followed(feed)
    assert feed.asked == ["list", "10", "12", "20"]


async def test_a_version_that_is_forgotten_is_followed_by_a_list_of_which_the_auditor_hears():
    feed = Feed([Gone("too old")])
    _, lists = await followed(feed)
    assert (feed.asked, lists) == (["list", "10", "list", "10"], 2)
