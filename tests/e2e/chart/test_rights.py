"""The operator's account on a real API server: every right is needed, and there is no other."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from builders.releases import CommandFailed, Release, kubectl
from ferryman.api import names
from ferryman_operator.auth import Connection, from_kubeconfig
from ferryman_operator.clock import SystemClock
from ferryman_operator.cluster import REQUIRED_RULES, ClusterError
from ferryman_operator.kube import KubeCluster, open_session
from ferryman_operator.limiter import Limiter
from ferryman_operator.reconcile.observed import Key

BOUND_SECONDS = 60
LEASE = "ferryman-operator"
RIGHTS = [(rule.resource, verb) for rule in REQUIRED_RULES for verb in rule.verbs]
EVERYBODY = ("authentication.k8s.io", "authorization.k8s.io")
"""Groups of the reviews of oneself, which every account may create."""
DENIED = [
    "get secrets",
    "list secrets",
    "get configmaps",
    "create pods",
    "get pods",
    "delete pods",
    "create pods/exec",
    "get pods/log",
    "create serviceaccounts/token",
    "impersonate serviceaccounts",
    "update taskruns.ferryman.dev",
    "create taskruns.ferryman.dev",
    "patch jobs.batch",
    "list namespaces",
    "create roles.rbac.authorization.k8s.io",
]


@pytest.fixture(scope="module")
def connection(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Connection:
    """To the cluster as the operator."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    token = kubectl("create", "token", release.account, "-n", release.namespace).strip()
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = release.namespace
    path: Path = tmp_path_factory.mktemp("operator") / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return from_kubeconfig(path, SystemClock().monotonic)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(connection: Connection) -> AsyncIterator[KubeCluster]:
    port = KubeCluster(connection, Limiter(1000, 1000, SystemClock().monotonic), lambda *_: None)
    yield port
    await port.close()
    # aiohttp ends TLS connections in the background, and has nothing to wait for.
    await asyncio.sleep(1)


def object_in(namespace: str, name: str = "x") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {}}


async def use(right: tuple[str, str], port: KubeCluster, connection: Connection, release: Release) -> None:
    """Make the request that needs a right, by the port where it is the port's. Raises ClusterError."""
    runs, key = release.runs, Key(release.runs, "x")
    calls = {
        ("taskruns", "get"): lambda: port.get_run(key),
        ("taskruns", "list"): lambda: drained(port.list_runs(runs)),
        ("taskruns", "watch"): lambda: watch(
            connection, f"apis/{names.API_VERSION}/namespaces/{runs}/taskruns"
        ),
        ("taskruns", "delete"): lambda: port.delete_run(key, "uid"),
        ("taskruns/status", "patch"): lambda: port.patch_run_status(key, {"metadata": {}, "status": {}}),
        ("jobs", "get"): lambda: port.get_job(runs, "x"),
        ("jobs", "list"): lambda: drained(port.list_jobs(runs)),
        ("jobs", "watch"): lambda: watch(connection, f"apis/batch/v1/namespaces/{runs}/jobs"),
        ("jobs", "create"): lambda: port.create_job(object_in(runs)),
        ("jobs", "delete"): lambda: port.delete_job(runs, "x", "uid"),
        ("pods", "list"): lambda: port.list_pods(runs, "uid"),
        ("pods", "watch"): lambda: watch(connection, f"api/v1/namespaces/{runs}/pods"),
        ("events", "create"): lambda: port.create_event(runs, object_in(runs)),
        ("leases", "get"): lambda: port.get_lease(release.namespace, LEASE),
        ("leases", "create"): lambda: port.create_lease(
            release.namespace, object_in(release.namespace, LEASE)
        ),
        ("leases", "update"): lambda: port.replace_lease(
            release.namespace, object_in(release.namespace, LEASE)
        ),
    }
    await calls[right]()


async def drained(pages: AsyncIterator[Any]) -> None:
    async for _ in pages:
        pass


async def watch(connection: Connection, path: str) -> None:
    url = f"{connection.server}/{path}?watch=1&timeoutSeconds=1"
    async with open_session(connection, limit=1) as session, session.get(url) as response:
        if response.status != 200:
            raise ClusterError(str((await response.json())["message"]))


async def is_forbidden(right: tuple[str, str], *where: Any) -> bool:
    try:
        await use(right, *where)
    except ClusterError as error:
        return "is forbidden: User" in str(error)
    return False


@contextmanager
def without(right: tuple[str, str], release: Release) -> Iterator[None]:
    """The release's roles, one verb less."""
    resource, verb = right
    namespace = release.namespace if resource == "leases" else release.runs
    (role,) = json.loads(
        kubectl(
            "get",
            "roles",
            f"--selector=app.kubernetes.io/instance={release.name}",
            "-n",
            namespace,
            "-o",
            "json",
        )
    )["items"]
    del role["metadata"]["resourceVersion"]
    rules = [
        {**rule, "verbs": [v for v in rule["verbs"] if resource not in rule["resources"] or v != verb]}
        for rule in role["rules"]
    ]
    kubectl("replace", "-f", "-", stdin={**role, "rules": [rule for rule in rules if rule["verbs"]]})
    try:
        yield
    finally:
        kubectl("replace", "-f", "-", stdin=role)


async def becomes(wanted: bool, right: tuple[str, str], *where: Any) -> bool:
    """Whether a right comes to be forbidden (or allowed): authorisers learn of roles by a watch."""
    until = time.monotonic() + BOUND_SECONDS
    while await is_forbidden(right, *where) != wanted:
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.1)
    return True


def rules_of(user: str, namespace: str) -> set[tuple[str, str, str]]:
    """What the API server says that an account may do in a namespace, but for what everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = json.loads(
        kubectl("create", "-f", "-", "-o", "json", "--validate=false", f"--as={user}", stdin=review)
    )
    return {
        (group, resource, verb)
        for rule in answer["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group not in EVERYBODY
    }


def required(*, leases: bool) -> set[tuple[str, str, str]]:
    return {
        (rule.group, rule.resource, verb)
        for rule in REQUIRED_RULES
        for verb in rule.verbs
        if (rule.resource == "leases") is leases
    }


def test_where_there_are_runs_the_operator_has_its_rules_and_no_more(release):
    of_workers = {("coordination.k8s.io", "leases", "get")}
    assert rules_of(release.user, release.runs) == required(leases=False) | of_workers


def test_in_its_own_namespace_the_operator_has_the_lease_and_no_more(release):
    assert rules_of(release.user, release.namespace) == required(leases=True)


def test_elsewhere_the_operator_has_nothing(release):
    assert rules_of(release.user, "kube-system") == set()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("right", RIGHTS, ids=" ".join)
async def test_the_operator_may_do_what_it_does(right, cluster, connection, release):
    assert await becomes(False, right, cluster, connection, release)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("right", RIGHTS, ids=" ".join)
async def test_one_verb_less_breaks_it(right, cluster, connection, release):
    where = (cluster, connection, release)
    with without(right, release):
        assert await becomes(True, right, *where)
    assert await becomes(False, right, *where)


@pytest.mark.parametrize("action", DENIED)
def test_the_operator_may_not(action, release):
    for namespace in (release.runs, release.namespace):
        with pytest.raises(CommandFailed):
            kubectl("auth", "can-i", *action.split(), f"--as={release.user}", "-n", namespace, "--quiet")
