"""Whether the one node takes a pod, and what a scheduler says if it does not: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ferryman.dev.apiserver.quantities import parse_quantity

TOO_MANY_PODS = "0/1 nodes are available: 1 Too many pods."


def refusal(pod: Mapping[str, Any], labels: Mapping[str, str], allocatable: Mapping[str, str]) -> str:
    """Why the node can never take `pod`, in a scheduler's words; "" if it can."""
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    for resource, wanted in requests(pod).items():
        if wanted > parse_quantity(allocatable.get(resource, "0")):
            return f"0/1 nodes are available: 1 Insufficient {resource}."
    return ""


def requests(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the containers of `pod` ask for together, by resource."""
    total: dict[str, Decimal] = {}
    for container in pod["spec"]["containers"]:
        given = container.get("resources") or {}
        # A limit without a request is a request, as Kubernetes defaults it.
        for resource, quantity in {**(given.get("limits") or {}), **(given.get("requests") or {})}.items():
            total[resource] = total.get(resource, Decimal(0)) + parse_quantity(quantity)
    return total
