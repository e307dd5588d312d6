"""Access reviews: everybody may do everything here, and is called so."""

from __future__ import annotations

from ferryman.dev.apiserver.resources import Object, Resource


def is_review(resource: Resource) -> bool:
    """Whether a create of it asks a question and stores nothing."""
    return resource.group in {"authorization.k8s.io", "authentication.k8s.io"}


def review(resource: Resource, body: Object) -> Object:
    """The answer to a review."""
    match resource.plural:
        case "selfsubjectaccessreviews" | "subjectaccessreviews" | "localsubjectaccessreviews":
            status: Object = {"allowed": True, "reason": "the embedded server allows everything"}
        case "selfsubjectrulesreviews":
            rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
            status = {"incomplete": False, "resourceRules": rules, "nonResourceRules": []}
        case _:
            status = {
                "userInfo": {"username": "embedded", "groups": ["system:masters", "system:authenticated"]}
            }
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    return {**body, **kind, "metadata": body.get("metadata") or {}, "status": status}
