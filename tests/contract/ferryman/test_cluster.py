"""One suite for every ferryman.cluster.Cluster: the twin in memory, and the adapter on the embedded API server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from kubernetes.client import ApiClient, Configuration

from builders.api_servers import running_server
from builders.manifests import a_manifest
from ferryman.api.crd import crd
from ferryman.cluster import Cluster, WatchEvent
from ferryman.dev.apiserver.faults import Action, Fault
from ferryman.dev.apiserver.server import ApiServer
from ferryman.exceptions import (
    ClusterUnavailable,
    InvalidTaskRun,
    PermissionDenied,
    RunAlreadyExists,
    RunNotFound,
)
from ferryman.kube import KubeCluster
from ferryman.kube_retry import Retries
from ferryman.testing import InMemoryCluster

NAMESPACE = "default"
QUICK = Retries(sleep=lambda _: None)


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with running_server(crds=[crd()]) as running:
        yield running.server


def kube_cluster(server: ApiServer) -> KubeCluster:
    configuration = Configuration(host=server.url)
    return KubeCluster(ApiClient(configuration), retries=QUICK)


@pytest.fixture(params=["memory", "kube"])
def cluster(request) -> Iterator[Cluster]:
    if request.param == "memory":
        yield InMemoryCluster()
        return
    server = request.getfixturevalue("server")
    found = kube_cluster(server)
    yield found
    server.faults.set([])
    for run in found.list_runs(NAMESPACE):
        found.delete_run(NAMESPACE, run["metadata"]["name"])


def test_a_created_run_has_an_identity_and_a_phase(cluster):
    run = cluster.create_run(a_manifest("one"))
    assert (
        run["metadata"]["uid"] and run["metadata"]["resourceVersion"] and run["metadata"]["creationTimestamp"]
    )
    assert run["status"]["phase"] == "Pending"


def test_a_created_run_can_be_got(cluster):
    cluster.create_run(a_manifest("one"))
    assert cluster.get_run(NAMESPACE, "one")["spec"]["task"]["name"] == "add"


def test_a_name_can_be_used_once(cluster):
    cluster.create_run(a_manifest("one"))
    with pytest.raises(RunAlreadyExists, match="one"):
        cluster.create_run(a_manifest("one"))


def test_a_run_out_of_bounds_is_refused_with_the_field(cluster):
    with pytest.raises(InvalidTaskRun, match=r"spec\.retry\.retries"):
        cluster.create_run(a_manifest("one", retry={"retries": 101}))


def test_rules_between_fields_are_kept(cluster):
    with pytest.raises(InvalidTaskRun, match="exactly one"):
        cluster.create_run(
            a_manifest("one", function={"entrypoint": "a:b", "blob": {"sha256": "a" * 64, "size": 1}})
        )


def test_what_does_not_exist_is_not_found(cluster):
    for call in (cluster.get_run, cluster.request_cancel, cluster.delete_run):
        with pytest.raises(RunNotFound, match="nobody"):
            call(NAMESPACE, "nobody")


def test_runs_are_listed_by_label(cluster):
    cluster.create_run(a_manifest("one", labels={"team": "a"}))
    cluster.create_run(a_manifest("two", labels={"team": "b"}))
    found = cluster.list_runs(NAMESPACE, label_selector="team=b")
    assert [run["metadata"]["name"] for run in found] == ["two"]


def test_runs_of_all_namespaces_are_listed(cluster):
    cluster.create_run(a_manifest("one"))
    assert [run["metadata"]["name"] for run in cluster.list_runs(None)] == ["one"]


def test_a_cancel_is_asked_for_in_the_spec(cluster):
    cluster.create_run(a_manifest("one"))
    assert cluster.request_cancel(NAMESPACE, "one")["spec"]["cancelRequested"] is True


def test_a_deleted_run_is_gone(cluster):
    cluster.create_run(a_manifest("one"))
    cluster.delete_run(NAMESPACE, "one")
    with pytest.raises(RunNotFound):
        cluster.get_run(NAMESPACE, "one")


def test_a_log_of_a_pod_that_is_gone_is_not_found(cluster):
    with pytest.raises(RunNotFound, match="nobody"):
        list(cluster.read_log(NAMESPACE, "nobody"))


def test_no_pods_are_an_empty_list(cluster):
    assert cluster.list_pods(NAMESPACE, "ferryman.dev/run-uid=none") == []


def test_a_watch_tells_what_there_is_then_synced_then_every_change(cluster):
    cluster.create_run(a_manifest("one"))
    watch = cluster.watch_runs(NAMESPACE)
    seen = [next(watch), next(watch)]
    cluster.create_run(a_manifest("two"))
    seen.append(next(watch))
    cluster.request_cancel(NAMESPACE, "two")
    seen.append(next(watch))
    cluster.delete_run(NAMESPACE, "one")
    seen.append(next(watch))
    watch.close()
    assert [told(event) for event in seen] == [
        ("ADDED", "one"),
        ("SYNCED", None),
        ("ADDED", "two"),
        ("MODIFIED", "two"),
        ("DELETED", "one"),
    ]


def test_a_watch_by_label_tells_what_has_it_and_what_loses_it(cluster):
    for name, team in (("one", "a"), ("two", "b"), ("three", "a")):
        cluster.create_run(a_manifest(name, labels={"team": team}))
    watch = cluster.watch_runs(NAMESPACE, label_selector="team=a")
    seen = [next(watch) for _ in range(3)]
    relabel(cluster, "two", "a")
    cluster.request_cancel(NAMESPACE, "two")
    relabel(cluster, "two", "b")
    cluster.request_cancel(NAMESPACE, "two")
    cluster.delete_run(NAMESPACE, "one")
    seen += [next(watch) for _ in range(4)]
    watch.close()
    assert sorted(told(event) for event in seen[:2]) == [("ADDED", "one"), ("ADDED", "three")]
    assert [told(event) for event in seen[2:]] == [
        ("SYNCED", None),
        ("ADDED", "two"),
        ("MODIFIED", "two"),
        ("DELETED", "two"),
        ("DELETED", "one"),
    ]
    assert seen[5].object["metadata"]["labels"] == {"team": "a"}


def test_a_watch_by_name_tells_of_no_other_run(cluster):
    cluster.create_run(a_manifest("other"))
    watch = cluster.watch_runs(NAMESPACE, name="one")
    seen = [next(watch)]
    cluster.request_cancel(NAMESPACE, "other")
    cluster.create_run(a_manifest("one"))
    cluster.delete_run(NAMESPACE, "other")
    cluster.delete_run(NAMESPACE, "one")
    seen += [next(watch), next(watch)]
    watch.close()
    assert [told(event) for event in seen] == [("SYNCED", None), ("ADDED", "one"), ("DELETED", "one")]


def test_a_closed_watch_ends_the_thread_that_reads_it(cluster):
    watch = cluster.watch_runs(NAMESPACE)
    synced, ended = threading.Event(), threading.Event()

    def follow():
        for event in watch:
            if event.type == "SYNCED":
                synced.set()
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert synced.wait(30)
    watch.close()
    assert ended.wait(30)


# ---- the adapter alone, with a server that misbehaves


@pytest.fixture
def kube(server) -> Iterator[KubeCluster]:
    found = kube_cluster(server)
    yield found
    server.faults.set([])
    for run in found.list_runs(NAMESPACE):
        found.delete_run(NAMESPACE, run["metadata"]["name"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_that_passes_is_waited_for(server, kube, status):
    server.faults.set([Fault(Action.ERROR, verb="create", status=status, count=2)])
    assert kube.create_run(a_manifest("one"))["metadata"]["name"] == "one"


def test_a_forbidden_create_names_user_verb_resource_and_namespace(server, kube):
    said = (
        'taskruns.ferryman.dev is forbidden: User "jane" cannot create resource "taskruns" in API group '
        '"ferryman.dev" in the namespace "default"'
    )
    server.faults.set([Fault(Action.ERROR, verb="create", status=403, message=said)])
    with pytest.raises(PermissionDenied) as caught:
        kube.create_run(a_manifest("one"))
    assert str(caught.value) == f"cannot create TaskRun one: {said}"


def test_refused_credentials_are_told_as_such(server, kube):
    server.faults.set([Fault(Action.ERROR, verb="list", status=401, message="Unauthorized")])
    with pytest.raises(PermissionDenied, match="cannot list TaskRuns: Unauthorized.*kubeconfig"):
        kube.list_runs(NAMESPACE)
    server.faults.set([])


def test_a_broken_connection_is_tried_again(server, kube):
    kube.create_run(a_manifest("one"))
    server.faults.set([Fault(Action.RESET, verb="get", count=2)])
    assert kube.get_run(NAMESPACE, "one")["metadata"]["name"] == "one"


def test_a_create_whose_reply_was_lost_is_told_as_existing(server, kube):
    server.faults.set([Fault(Action.LOSE_REPLY, verb="create", count=1)])
    with pytest.raises(RunAlreadyExists):
        kube.create_run(a_manifest("one"))


def test_a_server_that_never_answers_is_unavailable(server, kube):
    server.faults.set([Fault(Action.ERROR, verb="get", status=503)])
    with pytest.raises(ClusterUnavailable, match="get TaskRun one"):
        kube.get_run(NAMESPACE, "one")


def test_a_watch_goes_on_after_its_connection_broke(server, kube):
    server.faults.set(
        [Fault(Action.DROP_WATCH, verb="watch", resource="taskruns.ferryman.dev", after_events=1, count=1)]
    )
    watch = kube.watch_runs(NAMESPACE)
    assert next(watch).type == "SYNCED"
    names = ["one", "two", "three"]
    for name in names:
        kube.create_run(a_manifest(name))
    assert [told(next(watch)) for _ in names] == [("ADDED", name) for name in names]
    watch.close()


def test_a_watch_lists_anew_after_a_gap_and_tells_what_vanished(server, kube):
    kube.create_run(a_manifest("gone"))
    kube.create_run(a_manifest("kept"))
    server.faults.set([Fault(Action.EXPIRE_WATCH, verb="watch", resource="taskruns.ferryman.dev", count=1)])
    watch = kube.watch_runs(NAMESPACE)
    begin = [next(watch) for _ in range(3)]
    assert begin[-1].type == "SYNCED"
    kube.delete_run(NAMESPACE, "gone")
    assert [told(next(watch)), told(next(watch))] == [("DELETED", "gone"), ("SYNCED", None)]
    watch.close()


def relabel(cluster: Cluster, name: str, team: str) -> None:
    if isinstance(cluster, InMemoryCluster):
        cluster.set_labels(NAMESPACE, name, {"team": team})
        return
    runs = f"/apis/ferryman.dev/v1alpha1/namespaces/{NAMESPACE}/taskruns"
    cluster.ask("PATCH", f"{runs}/{name}", {"metadata": {"labels": {"team": team}}})


def told(event: WatchEvent) -> tuple[str, str | None]:
    return event.type, event.object.get("metadata", {}).get("name")
