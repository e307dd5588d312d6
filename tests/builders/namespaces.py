"""What a namespace of a real cluster needs beside the store's credentials, as manifests."""

from __future__ import annotations

from typing import Any

from ferryman.api import names
from ferryman.worker.cluster import REQUIRED_RULES

WORKERS = "ferryman-worker"
"""The account of workers."""

_NAME = "flows"
_RBAC = "rbac.authorization.k8s.io"


def rights_of_flows(namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Role and its binding: pods under the namespace's default account may submit, as docs/flows.md asks for."""
    submit = ["create", "get", "list", "watch", "patch", "delete"]
    rules = [
        {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": submit},
        # The chart's admission policy lets a TaskRun in from those who may create Jobs.
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
    ]
    return _granted(_NAME, namespace, rules, account="default")


def rights_of_workers(namespace: str) -> tuple[dict[str, Any], ...]:
    """The account, Role and binding that the chart makes for workers."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": WORKERS, "namespace": namespace},
    }
    rules = [
        {"apiGroups": [one.group], "resources": [one.resource], "verbs": list(one.verbs)}
        for one in REQUIRED_RULES
    ]
    return account, *_granted(WORKERS, namespace, rules, account=WORKERS)


def _granted(
    name: str, namespace: str, rules: list[dict[str, Any]], *, account: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    of_rbac = {"apiVersion": f"{_RBAC}/v1", "metadata": {"name": name, "namespace": namespace}}
    role = {**of_rbac, "kind": "Role", "rules": rules}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    bound = {"apiGroup": _RBAC, "kind": "Role", "name": name}
    return role, {**of_rbac, "kind": "RoleBinding", "roleRef": bound, "subjects": [subject]}
