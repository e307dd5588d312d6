"""What a watch tells of pods that succeed spares a list, and changes nothing else, whenever it comes."""

from __future__ import annotations

import copy

import pytest

from ferryman.api.runner_contract import ExitCode
from simulation.cluster_twin import DIES, RAISES, SUCCEEDS, ClusterTwin, Play, SimulatedClock, Told
from simulation.replica import Replica, live

pytestmark = pytest.mark.timeout(60)

LISTS = ("list", "pods")
ONE_RETRY = {"retry": {"retries": 1, "delays": ["5s"]}}


def of_pods(told):
    return told.kind == "pods"


def as_told(news):
    return news


def never(news):
    return [told for told in news if not of_pods(told)]


def twice(news):
    return [again for told in news for again in ([told, told] if of_pods(told) else [told])]


def after_the_jobs(news):
    return sorted(news, key=of_pods)


def changed(change):
    """Every pod that is told of is another than the one that there is."""

    def distort(news):
        news = copy.deepcopy(news)
        for told in filter(of_pods, news):
            change(told.object)
        return news

    return distort


def of_another_job(pod):
    pod["metadata"]["ownerReferences"][0]["uid"] = "another-job"


def of_another_namespace(pod):
    pod["metadata"]["namespace"] = "elsewhere"


def with_a_report(text):
    def change(pod):
        pod["status"]["phase"] = "Succeeded"
        pod["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0, "message": text}}

    return changed(change)


def late(until):
    """Pods are told of when the run is over."""
    held = []

    def distort(news):
        held.extend(filter(of_pods, news))
        rest = never(news)
        return [*rest, *held] if until() else rest

    return distort


def end_state(twin, key):
    status = twin.run(key)["status"]
    rows = [(a["number"], a["outcome"], a["reason"], a.get("podName")) for a in status.get("attempts", [])]
    return status["phase"], status["conditions"][0]["reason"], rows, status.get("result"), status.get("hooks")


async def lived(plays, distort, **spec):
    """The run's end, and how often its pods were listed."""
    twin = ClusterTwin(SimulatedClock(), plays)
    key = twin.submit(**spec)
    await live(twin, [await Replica(twin, distort=distort).start()])
    return end_state(twin, key), twin.requests.count(LISTS)


@pytest.mark.parametrize("distort", [as_told, twice])
async def test_a_run_that_succeeds_needs_no_list_of_pods(distort):
    (phase, *_), lists = await lived({1: SUCCEEDS}, distort)
    assert (phase, lists) == ("Completed", 0)


HINTS = {
    "never": never,
    "twice": twice,
    "after the Job's end": after_the_jobs,
    "of another Job": changed(of_another_job),
    "of another namespace": changed(of_another_namespace),
    "with an unreadable report": with_a_report("{"),
    "without a report": with_a_report(""),
}
STORIES = {
    "succeeds": ({1: SUCCEEDS}, {}),
    "retries": ({1: RAISES, 2: SUCCEEDS}, ONE_RETRY),
    "fails": ({1: RAISES, 2: RAISES}, ONE_RETRY),
    "dies with hooks": ({1: DIES}, {"hooks": ["Failure"], "retry": {"infrastructureRetries": 0}}),
    "succeeds with hooks": ({1: SUCCEEDS}, {"hooks": ["Completion"]}),
}


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("story", STORIES)
async def test_a_hint_changes_no_end(story, hint):
    plays, spec = STORIES[story]
    quiet, _ = await lived(plays, never, **spec)
    assert (await lived(plays, HINTS[hint], **spec))[0] == quiet


async def test_a_hint_that_comes_when_the_run_is_over_changes_nothing():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()
    replica = Replica(twin, distort=late(lambda: twin.run(key)["status"]["phase"] == "Completed"))
    await live(twin, [await replica.start()])
    twin.touch(key)
    await live(twin, [replica])
    assert (twin.run(key)["status"]["phase"], twin.requests.count(LISTS)) == ("Completed", 1)


async def test_a_failure_is_always_read_from_a_list():
    _, lists = await lived({1: RAISES, 2: SUCCEEDS}, as_told, **ONE_RETRY)
    quiet, _ = await lived({1: RAISES, 2: SUCCEEDS}, never, **ONE_RETRY)
    assert lists >= 1
    assert [row[1] for row in quiet[2]] == ["Failed", "Succeeded"]


async def test_a_pod_without_a_success_to_report_is_listed_though_it_exited_with_zero():
    liar = Play(RAISES.reason, ExitCode.SUCCEEDED)
    (_, reason, *_), lists = await lived({1: liar}, as_told, retry={"infrastructureRetries": 0})
    assert (reason, lists) == ("InvalidRunnerReport", 1)


async def test_a_second_pod_of_the_job_is_listed_too():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()

    def with_a_twin(news):
        again = copy.deepcopy([told for told in news if of_pods(told)])
        for told in again:
            told.object["metadata"]["uid"] += "-2"
        return [*again, *news]

    await live(twin, [await Replica(twin, distort=with_a_twin).start()])
    assert (twin.run(key)["status"]["phase"], twin.requests.count(LISTS)) == ("Completed", 1)


async def test_while_another_job_of_the_run_may_have_pods_they_are_listed():
    twin = ClusterTwin(SimulatedClock())
    key = twin.submit()
    replica = await Replica(twin).start()
    await live(twin, [replica], seconds=3)
    (job,) = twin.jobs()
    meta = job["metadata"] | {"name": "leftover", "uid": "leftover", "resourceVersion": "1"}
    leftover = {**job, "metadata": meta | {"deletionTimestamp": "2026-11-22T12:00:00Z"}, "status": {}}
    twin.told.append(Told("jobs", "ADDED", leftover))
    await live(twin, [replica])
    assert (twin.run(key)["status"]["phase"], twin.requests.count(LISTS)) == ("Completed", 1)
