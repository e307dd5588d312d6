"""What the operator is allowed is what it does: `REQUIRED_RULES` against the requests it really makes."""

from __future__ import annotations

import contextlib
import copy
import inspect

import pytest

from builders.api_servers import an_api_server
from ferryman.api import names
from ferryman_operator.auth import Connection
from ferryman_operator.clock import SystemClock
from ferryman_operator.cluster import REQUIRED_RULES, Cluster, ClusterError
from ferryman_operator.kube import KubeCluster
from ferryman_operator.limiter import Limiter
from ferryman_operator.reconcile.observed import Key

KEY = Key("default", "letter")
WATCHES = (
    {(names.PLURAL, verb) for verb in ("list", "watch")}
    | {("jobs", verb) for verb in ("list", "watch")}
    | {("pods", "watch")}
)
"""kopf's of TaskRuns, and those of `reflector` and `podwatch`."""

NAMED = {"metadata": {"name": "x", "namespace": "default"}, "spec": {}}
CALLS = {
    "list_runs": (None,),
    "list_jobs": (None,),
    "get_run": (KEY,),
    "get_job": ("default", "x"),
    "list_pods": ("default", "uid"),
    "create_job": (NAMED,),
    "delete_job": ("default", "x", "uid"),
    "patch_run_status": (KEY, {"metadata": {}, "status": {}}),
    "delete_run": (KEY, "uid"),
    "create_event": ("default", NAMED),
    "get_lease": ("default", "x"),
    "get_worker_lease": ("default", "x"),
    "create_lease": ("default", NAMED),
    "replace_lease": ("default", NAMED),
}


def methods_of_the_port():
    return {name for name, _ in inspect.getmembers(Cluster, inspect.isfunction) if not name.startswith("_")}


def test_every_method_of_the_port_is_tried():
    assert set(CALLS) == methods_of_the_port()


@pytest.fixture
async def requests():
    told: set[tuple[str, str]] = set()
    async with an_api_server() as server:
        cluster = KubeCluster(
            Connection(server.url, None, lambda: None),
            Limiter(1000, 1000, SystemClock().monotonic),
            lambda verb, resource, _: told.add((resource, verb)),
        )
        for name, arguments in CALLS.items():
            with contextlib.suppress(ClusterError):
                answer = getattr(cluster, name)(*copy.deepcopy(arguments))
                if inspect.isawaitable(answer):
                    await answer
                else:
                    assert [page async for page in answer]
        await cluster.close()
    return told


async def test_the_role_grants_what_is_used_and_nothing_else(requests):
    granted = {(rule.resource, verb) for rule in REQUIRED_RULES for verb in rule.verbs}
    assert requests | WATCHES == granted


def test_the_role_never_grants_secrets_pods_or_exec():
    granted = {(rule.resource, verb) for rule in REQUIRED_RULES for verb in rule.verbs}
    assert not {resource for resource, _ in granted} & {"secrets", "pods/exec", "pods/log", "configmaps"}
    assert ("pods", "create") not in granted
