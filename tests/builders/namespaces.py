"""What a namespace of a real cluster needs beside the store's credentials, as manifests."""

from __future__ import annotations

from typing import Any

from ferryman.api import names

_NAME = "flows"
_RBAC = "rbac.authorization.k8s.io"


def rights_of_flows(namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Role and its binding: pods under the namespace's default account may submit, as docs/flows.md asks for."""
    meta = {"name": _NAME, "namespace": namespace}
    submit = ["create", "get", "list", "watch", "patch", "delete"]
    rules = [
        {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": submit},
        # The chart's admission policy lets a TaskRun in from those who may create Jobs.
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
    ]
    of_rbac = {"apiVersion": f"{_RBAC}/v1", "metadata": meta}
    role = {**of_rbac, "kind": "Role", "rules": rules}
    account = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    bound = {"apiGroup": _RBAC, "kind": "Role", "name": _NAME}
    return role, {**of_rbac, "kind": "RoleBinding", "roleRef": bound, "subjects": [account]}
