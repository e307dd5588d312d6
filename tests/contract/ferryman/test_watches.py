"""A client's watches bring every change of its runs and no others', over the twin and the embedded API server."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration

from builders.api_servers import running_server
from builders.ears import Ear, until
from builders.manifests import a_manifest
from ferryman.api import names
from ferryman.api.crd import crd
from ferryman.kube import KubeCluster
from ferryman.runs import view
from ferryman.testing import InMemoryCluster
from ferryman.watches import SINGLE, Watches

NAMESPACE = "default"
RUNS = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"


class CountedKube(KubeCluster):
    """Counts what comes over the wire: each object of a list, and each watch by what it selects."""

    def __init__(self, host: str) -> None:
        super().__init__(ApiClient(Configuration(host=host)))
        self.listed: Counter[str] = Counter()
        self.opened: list[tuple[str, str]] = []

    def watch_runs(self, namespace: str, *, label_selector: str = "", name: str = "") -> Any:
        self.opened.append((label_selector, name))
        return super().watch_runs(namespace, label_selector=label_selector, name=name)

    def relabel(self, name: str, labels: dict[str, str]) -> None:
        patch = [{"op": "add", "path": "/metadata/labels", "value": labels}]
        self.ask("PATCH", f"{RUNS}/{name}", patch)

    def end(self, name: str) -> None:
        condition = {
            "type": "Succeeded",
            "status": "True",
            "reason": "Completed",
            "message": "",
            "lastTransitionTime": "2026-11-22T12:00:00Z",
        }
        self.ask(
            "PATCH", f"{RUNS}/{name}/status", {"status": {"phase": "Completed", "conditions": [condition]}}
        )

    def _list(self, path: str, action: str, selector: str, *, fields: str = "") -> Any:
        items, version = super()._list(path, action, selector, fields=fields)
        self.listed.update(item["metadata"]["name"] for item in items)
        return items, version


class CountedTwin(InMemoryCluster):
    """The same of the twin, of which nothing is counted but the watches."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, str]] = []

    def watch_runs(self, namespace: str, *, label_selector: str = "", name: str = "") -> Any:
        self.opened.append((label_selector, name))
        return super().watch_runs(namespace, label_selector=label_selector, name=name)

    def relabel(self, name: str, labels: dict[str, str]) -> None:
        self.set_labels(NAMESPACE, name, labels)

    def end(self, name: str) -> None:
        self.set_status(NAMESPACE, name, {"phase": "Completed"})


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with running_server(crds=[crd()]) as running:
        yield running.url


@pytest.fixture
def kube(host) -> Iterator[CountedKube]:
    found = CountedKube(host)
    yield found
    for run in found.list_runs(NAMESPACE):
        found.delete_run(NAMESPACE, run["metadata"]["name"])


@pytest.fixture(params=["memory", "kube"])
def cluster(request):
    return CountedTwin() if request.param == "memory" else request.getfixturevalue("kube")


@pytest.fixture
def watches(cluster) -> Iterator[Watches]:
    made = Watches(cluster, "us")
    yield made
    made.close()


def of(client: str, name: str) -> dict[str, Any]:
    """A run that this client creates; "" for one that was applied by hand."""
    return a_manifest(name, labels={names.CLIENT_LABEL: client} if client else {})


def submitted(watches, cluster, name: str, *, manifest: dict[str, Any] | None = None) -> Ear:
    """The listener of a run that was created as a client creates them."""
    ear = Ear()
    watches.expect(NAMESPACE, name, ear)
    watches.follow(ear, view(cluster.create_run(manifest or of("us", name))))
    return ear


def found(watches, cluster, name: str) -> Ear:
    """The listener of a run that was there already."""
    ear = Ear()
    watches.follow(ear, view(cluster.get_run(NAMESPACE, name)))
    return ear


# ---- the client's own


def test_own_runs_are_followed_by_their_label(watches, cluster):
    ears = [submitted(watches, cluster, name) for name in ("one", "two")]
    cluster.end("one")
    cluster.end("two")
    for ear in ears:
        ear.wait_for("Completed")
    assert cluster.opened == [("ferryman.dev/client=us", "")]


def test_the_list_of_a_client_has_its_own_runs_alone(kube):
    for number in range(20):
        kube.create_run(of("them", f"theirs-{number}"))
    kube.create_run(of("", "by-hand"))
    kube.create_run(of("us", "older"))
    watches = Watches(kube, "us")
    ear = submitted(watches, kube, "newer")
    until(lambda: bool(kube.listed))
    kube.end("newer")
    ear.wait_for("Completed")
    watches.close()
    assert kube.listed["older"] == 1
    assert set(kube.listed) <= {"older", "newer"}


def test_an_own_run_of_the_past_is_followed_by_its_label_too(watches, cluster):
    cluster.create_run(of("us", "one"))
    ear = found(watches, cluster, "one")
    cluster.end("one")
    ear.wait_for("Completed")
    assert cluster.opened == [("ferryman.dev/client=us", "")]


def test_a_run_that_the_api_server_returns_without_the_label_is_followed_by_its_name(watches, cluster):
    # As a webhook might have it.
    ear = submitted(watches, cluster, "one", manifest=of("", "one"))
    cluster.end("one")
    ear.wait_for("Completed")
    assert cluster.opened[-1] == ("", "one")


def test_a_run_that_loses_its_label_is_still_followed(watches, cluster):
    ear = submitted(watches, cluster, "one")
    ear.wait_for("Pending")
    cluster.relabel("one", {"team": "a"})
    until(lambda: ("", "one") in cluster.opened)
    cluster.end("one")
    ear.wait_for("Completed")
    assert "vanished" not in ear.heard


def test_a_run_that_gets_its_label_back_is_not_taken_for_deleted(watches, cluster):
    ear = submitted(watches, cluster, "one")
    for labels in ({}, {names.CLIENT_LABEL: "us"}) * 3:
        cluster.relabel("one", labels)
    cluster.end("one")
    ear.wait_for("Completed")
    assert "vanished" not in ear.heard


def test_a_deleted_own_run_is_told_as_vanished(watches, cluster):
    ear = submitted(watches, cluster, "one")
    ear.wait_for("Pending")
    cluster.delete_run(NAMESPACE, "one")
    ear.wait_for("vanished")


def test_a_run_that_somebody_else_has_created_anew_is_not_taken_for_ours(watches, cluster):
    ear = submitted(watches, cluster, "one")
    ear.wait_for("Pending")
    cluster.delete_run(NAMESPACE, "one")
    cluster.create_run(of("them", "one"))
    ear.wait_for("vanished")
    assert "Completed" not in ear.heard


# ---- those of others


@pytest.mark.parametrize("owner", ["them", ""])
def test_a_run_of_somebody_else_is_followed_by_its_name(watches, cluster, owner):
    cluster.create_run(of(owner, "one"))
    ear = found(watches, cluster, "one")
    cluster.end("one")
    ear.wait_for("Completed")
    assert cluster.opened == [("", "one")]


def test_a_run_that_has_ended_needs_no_watch(watches, cluster):
    cluster.create_run(of("them", "one"))
    cluster.end("one")
    assert found(watches, cluster, "one").heard == ["Completed"]
    assert cluster.opened == []


def test_many_runs_of_others_share_one_watch_of_the_namespace(watches, cluster):
    several = [f"one-{number}" for number in range(SINGLE + 5)]
    for name in several:
        cluster.create_run(of("them", name))
    ears = [found(watches, cluster, name) for name in several]
    for name in several:
        cluster.end(name)
    for ear in ears:
        ear.wait_for("Completed")
    assert sorted(cluster.opened) == sorted([("", ""), *[("", name) for name in several[:SINGLE]]])


def test_the_watch_of_one_name_ends_with_its_last_listener(watches, cluster):
    for number in range(3 * SINGLE):
        name = f"one-{number}"
        cluster.create_run(of("them", name))
        ear = found(watches, cluster, name)
        cluster.end(name)
        ear.wait_for("Completed")
        watches.release(NAMESPACE, name, ear)
    assert ("", "") not in cluster.opened


def test_two_listeners_of_one_name_share_its_watch(watches, cluster):
    cluster.create_run(of("them", "one"))
    ears = [found(watches, cluster, "one") for _ in range(2)]
    cluster.end("one")
    for ear in ears:
        ear.wait_for("Completed")
    assert cluster.opened == [("", "one")]


# ---- both


def test_a_held_listener_hears_though_nobody_else_has_it(watches, cluster):
    heard = threading.Event()

    class Loud(Ear):
        def observe(self, run) -> None:
            heard.set()

    ear = Loud()
    watches.expect(NAMESPACE, "one", ear)
    watches.hold(ear)
    del ear
    gc.collect()
    cluster.create_run(of("us", "one"))
    assert heard.wait(20)
