"""The cluster port: one suite over the twin and over the HTTP adapter with the embedded API server."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from dataclasses import dataclass
from typing import Any

import pytest

from builders.api_servers import an_api_server
from builders.jobs import complete_pod, start_pod
from ferryman.api import names
from ferryman.dev.apiserver.faults import Action, Fault
from ferryman_operator import projection
from ferryman_operator.auth import Connection
from ferryman_operator.clock import SystemClock
from ferryman_operator.cluster import (
    AlreadyExists,
    Cluster,
    ClusterError,
    Conflict,
    Gone,
    NotFound,
    Refused,
    Unavailable,
)
from ferryman_operator.kube import KubeCluster
from ferryman_operator.limiter import Limiter
from ferryman_operator.reconcile.observed import Key, RefusalKind
from simulation.cluster_twin import ClusterTwin, SimulatedClock

KEY = Key("default", "letter")
RUN = {
    "apiVersion": names.API_VERSION,
    "kind": names.KIND,
    "metadata": {"name": KEY.name, "namespace": KEY.namespace},
    "spec": {"task": {"name": "build"}, "function": {"entrypoint": "jobs:build"}},
}


@dataclass
class Subject:
    cluster: Cluster
    server: Any = None
    requests: list[tuple[str, str, str]] | None = None

    def complete_pod(self, job: dict[str, Any]) -> None:
        if self.server is None:
            # It starts, and then it ends.
            for _ in range(2):
                self.cluster.clock.advance(60)
                self.cluster.play_due()
        else:
            start_pod(self.server.storage, job)
            complete_pod(self.server.storage, job)

    def submit(self) -> None:
        if self.server is None:
            self.cluster.submit(KEY.name)
        else:
            self.server.storage.create(f"{names.PLURAL}.{names.GROUP}", copy.deepcopy(RUN))


@contextlib.asynccontextmanager
async def over_http():
    async with an_api_server() as server:
        told = []
        cluster = KubeCluster(
            Connection(server.url, None, lambda: None),
            Limiter(1000, 1000, SystemClock().monotonic),
            lambda *request: told.append(request),
        )
        try:
            yield Subject(cluster, server, told)
        finally:
            await cluster.close()


@pytest.fixture(params=["twin", "http"])
async def subject(request):
    if request.param == "twin":
        yield Subject(ClusterTwin(SimulatedClock()))
    else:
        async with over_http() as one:
            yield one


@pytest.fixture
async def http():
    async with over_http() as one:
        yield one


def a_job(name="letter-1", owner=None, **spec):
    labels = {names.MANAGED_LABEL: "true", names.RUN_UID_LABEL: "run-uid", names.ATTEMPT_LABEL: "1"}
    container = {"name": names.RUNNER_CONTAINER, "image": "runner:1"}
    template = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    metadata = {"name": name, "namespace": "default", "labels": labels}
    if owner:
        metadata["ownerReferences"] = [owner]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": template, **spec},
    }


def a_lease(version=None, holder="a"):
    metadata = {"name": "operator", "namespace": "default"} | (
        {"resourceVersion": version} if version else {}
    )
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "2026-11-22T12:00:00.000000Z"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def a_patch(run, **status):
    meta = run["metadata"]
    return {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, "status": status}


async def first(events):
    """The first event that is not a bookmark."""
    async with asyncio.timeout(60), contextlib.aclosing(events):
        return await anext(event async for event in events if event["type"] != "BOOKMARK")


async def listed(pages):
    return [item["metadata"]["name"] async for page in pages for item in page.items]


async def test_a_run_is_found(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    assert run["metadata"]["name"] == KEY.name
    assert run["status"]["phase"] == "Pending"


async def test_what_does_not_exist_is_not_found(subject):
    for read in (
        subject.cluster.get_run(KEY),
        subject.cluster.get_job("default", "letter-1"),
        subject.cluster.get_lease("default", "operator"),
    ):
        with pytest.raises(NotFound):
            await read


@pytest.mark.parametrize("namespace", ["default", None])
@pytest.mark.parametrize("metadata_only", [False, True])
async def test_lists_have_what_there_is(subject, namespace, metadata_only):
    subject.submit()
    await subject.cluster.create_job(a_job())
    cluster = subject.cluster
    assert await listed(cluster.list_runs(namespace, metadata_only=metadata_only)) == [KEY.name]
    assert await listed(cluster.list_jobs(namespace, metadata_only=metadata_only)) == ["letter-1"]


async def test_lists_of_another_namespace_are_empty(subject):
    subject.submit()
    assert await listed(subject.cluster.list_runs("kube-system")) == []


async def test_a_page_has_the_version_of_the_list(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    async for page in subject.cluster.list_runs(None):
        assert int(page.resource_version) >= int(run["metadata"]["resourceVersion"])


async def test_a_job_is_created_once(subject):
    created = await subject.cluster.create_job(a_job())
    assert created["metadata"]["uid"]
    with pytest.raises(AlreadyExists):
        await subject.cluster.create_job(a_job())


async def test_a_job_is_deleted_by_its_uid(subject):
    created = await subject.cluster.create_job(a_job())
    with pytest.raises(Conflict):
        await subject.cluster.delete_job("default", "letter-1", "another-uid")
    await subject.cluster.delete_job("default", "letter-1", created["metadata"]["uid"])
    with pytest.raises(NotFound):
        await subject.cluster.delete_job("default", "letter-1", created["metadata"]["uid"])


async def test_a_status_is_patched_and_comes_back(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    written = await subject.cluster.patch_run_status(
        KEY, a_patch(run, phase="Waiting", nextAttemptAt="2026-11-22T12:00:00Z")
    )
    assert written["status"]["phase"] == "Waiting"
    assert int(written["metadata"]["resourceVersion"]) > int(run["metadata"]["resourceVersion"])


async def test_null_clears_a_field_of_the_status(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    run = await subject.cluster.patch_run_status(
        KEY, a_patch(run, phase="Waiting", nextAttemptAt="2026-11-22T12:00:00Z")
    )
    run = await subject.cluster.patch_run_status(KEY, a_patch(run, phase="Pending", nextAttemptAt=None))
    assert "nextAttemptAt" not in run["status"]


async def test_a_status_from_an_old_version_is_a_conflict(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    await subject.cluster.patch_run_status(KEY, a_patch(run, phase="Waiting"))
    with pytest.raises(Conflict):
        await subject.cluster.patch_run_status(KEY, a_patch(run, phase="Running"))


async def test_a_status_of_another_uid_is_a_conflict(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    run["metadata"]["uid"] = "another-uid"
    with pytest.raises(Conflict):
        await subject.cluster.patch_run_status(KEY, a_patch(run, phase="Running"))


async def test_a_status_of_a_run_that_is_gone_is_not_found(subject):
    subject.submit()
    run = await subject.cluster.get_run(KEY)
    await subject.cluster.delete_run(KEY, run["metadata"]["uid"])
    with pytest.raises(NotFound):
        await subject.cluster.patch_run_status(KEY, a_patch(run, phase="Running"))


async def test_a_run_is_deleted_by_its_uid(subject):
    subject.submit()
    with pytest.raises(Conflict):
        await subject.cluster.delete_run(KEY, "another-uid")
    await subject.cluster.delete_run(KEY, (await subject.cluster.get_run(KEY))["metadata"]["uid"])
    with pytest.raises(NotFound):
        await subject.cluster.get_run(KEY)


async def test_a_lease_is_compared_and_swapped(subject):
    created = await subject.cluster.create_lease("default", a_lease())
    with pytest.raises(AlreadyExists):
        await subject.cluster.create_lease("default", a_lease())
    version = created["metadata"]["resourceVersion"]
    replaced = await subject.cluster.replace_lease("default", a_lease(version, "b"))
    assert replaced["spec"]["holderIdentity"] == "b"
    with pytest.raises(Conflict):
        await subject.cluster.replace_lease("default", a_lease(version, "c"))


async def test_no_pods_are_an_empty_list(subject):
    assert await subject.cluster.list_pods("default", "run-uid") == []


@pytest.mark.parametrize("namespace", ["default", None])
async def test_a_pod_that_succeeds_is_added_to_the_watch_of_those_that_have(subject, namespace):
    version = await subject.cluster.version_of_pods(namespace)
    job = await subject.cluster.create_job(a_job())
    subject.complete_pod(job)
    event = await first(subject.cluster.watch_succeeded_pods(namespace, version))
    assert (event["type"], event["object"]["status"]["phase"]) == ("ADDED", "Succeeded")
    assert projection.pod(event["object"]).job_uid == job["metadata"]["uid"]


async def test_a_watch_of_pods_begins_after_what_there_is(subject):
    subject.complete_pod(await subject.cluster.create_job(a_job("before")))
    version = await subject.cluster.version_of_pods(None)
    after = await subject.cluster.create_job(a_job("after"))
    subject.complete_pod(after)
    event = await first(subject.cluster.watch_succeeded_pods(None, version))
    assert projection.pod(event["object"]).job_uid == after["metadata"]["uid"]


async def test_a_version_of_pods_that_is_forgotten_is_gone(http):
    version = await http.cluster.version_of_pods(None)
    http.complete_pod(await http.cluster.create_job(a_job()))
    http.server.storage.forget_history()
    with pytest.raises(Gone):
        await first(http.cluster.watch_succeeded_pods(None, version))


async def test_a_watch_without_the_right_to_it_is_an_error_in_words(http):
    http.server.faults.set([Fault(Action.ERROR, verb="watch", resource="pods", status=403)])
    with pytest.raises(ClusterError, match="watch pods"):
        await first(http.cluster.watch_succeeded_pods(None, await http.cluster.version_of_pods(None)))


async def test_an_invalid_job_is_refused(http):
    with pytest.raises(Refused) as refused:
        await http.cluster.create_job(a_job(name="Not A Name"))
    assert refused.value.kind is RefusalKind.INVALID


async def test_a_job_over_quota_is_refused(http):
    quota = {
        "metadata": {"name": "none", "namespace": "default"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    http.server.storage.create("resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    with pytest.raises(Refused) as refused:
        await http.cluster.create_job(a_job())
    assert refused.value.kind is RefusalKind.QUOTA


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_server_that_is_busy_or_broken_is_unavailable(http, status):
    http.server.faults.set([Fault(Action.ERROR, verb="get", status=status, retry_after=3, count=1)])
    with pytest.raises(Unavailable) as unavailable:
        await http.cluster.get_run(KEY)
    assert unavailable.value.retry_after == 3


@pytest.mark.parametrize("action", [Action.RESET, Action.LOSE_REPLY])
async def test_a_broken_connection_is_unavailable(http, action):
    http.server.faults.set([Fault(action, verb="create", count=1)])
    with pytest.raises(Unavailable):
        await http.cluster.create_job(a_job())


async def test_a_server_that_is_gone_is_unavailable(http):
    await http.server.stop()
    with pytest.raises(Unavailable):
        await http.cluster.get_run(KEY)
