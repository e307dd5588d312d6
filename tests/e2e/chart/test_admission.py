"""The ValidatingAdmissionPolicy on a real API server: who may create which TaskRun."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from builders.releases import CommandFailed, Release, kubectl
from ferryman.api import names

BOUND_SECONDS = 60
RULES = {
    "submitter": [{"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["create"]}],
    "worker": [
        {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["create"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["allowed"], "verbs": ["use"]},
    ],
}


def submit(user: str, release: Release, pod: dict[str, Any] | None = None) -> None:
    """Try to create a TaskRun as somebody, without a trace. Raises CommandFailed."""
    run = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"generateName": "policy-", "namespace": release.runs},
        "spec": {"task": {"name": "mean"}, "function": {"entrypoint": "statistics:mean"}},
    }
    if pod is not None:
        run["spec"]["pod"] = pod
    kubectl("create", "-f", "-", f"--as={user}", "--dry-run=server", stdin=run)


def refusal(user: str, release: Release, pod: dict[str, Any] | None = None) -> str:
    with pytest.raises(CommandFailed) as refused:
        submit(user, release, pod)
    return str(refused.value)


@pytest.fixture(scope="module", autouse=True)
def people(release: Release) -> None:
    """A submitter without Jobs, a worker with them, an editor by the built-in ClusterRole."""
    meta = {"namespace": release.runs}
    api = "rbac.authorization.k8s.io"
    roles = [
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta | {"name": name}, "rules": rules}
        for name, rules in RULES.items()
    ]
    kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": roles})
    for user, role in (
        ("submitter", "--role=submitter"),
        ("worker", "--role=worker"),
        ("editor", "--clusterrole=edit"),
    ):
        kubectl("create", "rolebinding", user, role, f"--user={user}", "-n", release.runs)
    until = time.monotonic() + BOUND_SECONDS
    # Policies, roles and aggregation reach the API server's caches one after the other.
    while not is_in_force(release):
        assert time.monotonic() < until, "the policy does not come into force"
        time.sleep(0.2)


def is_in_force(release: Release) -> bool:
    try:
        submit("editor", release)
        submit("worker", release)
    except CommandFailed:
        return False
    try:
        submit("submitter", release)
    except CommandFailed as refused:
        return "may not create Jobs" in str(refused)
    return False


def test_the_policys_expressions_have_the_right_types(release):
    name = f"{release.account}-{release.namespace}-requester"
    policy = json.loads(kubectl("get", "validatingadmissionpolicy", name, "-o", "json"))
    assert policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings") is None


def test_who_may_not_create_jobs_may_not_create_a_run(release):
    assert "submitter may not create Jobs in namespace " + release.runs in refusal("submitter", release)


def test_who_may_not_create_jobs_may_not_set_pod_fields(release):
    assert "may not create Jobs" in refusal("submitter", release, {"image": "any"})


def test_who_may_create_jobs_may_set_pod_fields(release):
    submit("worker", release, {"image": "any", "labels": {"team": "x"}})


def test_who_may_use_a_service_account_may_name_it(release):
    submit("worker", release, {"serviceAccountName": "allowed"})


def test_who_may_not_use_a_service_account_may_not_name_it(release):
    told = refusal("worker", release, {"serviceAccountName": "default"})
    assert f"worker may not use service account default in namespace {release.runs}" in told


def test_an_editor_may_name_any_service_account(release):
    submit("editor", release, {"serviceAccountName": "default", "image": "any"})


def test_an_editor_may_not_write_a_status(release):
    with pytest.raises(CommandFailed):
        kubectl(
            "auth",
            "can-i",
            "patch",
            "taskruns.ferryman.dev",
            "--subresource=status",
            "--as=editor",
            "-n",
            release.runs,
        )
