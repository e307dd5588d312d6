"""The built-in resources that are served."""

from __future__ import annotations

from ferryman.dev.apiserver.resources import Registry, Resource
from ferryman.dev.apiserver.strategy import PlainStrategy


def builtin_registry() -> Registry:
    """A registry of the built-in resources."""
    return Registry(_RESOURCES)


_PLAIN = PlainStrategy()
_STATUS = PlainStrategy(has_status=True)

_RESOURCES = (
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        _STATUS,
        namespaced=False,
        short_names=("ns",),
        subresources=("status", "finalize"),
    ),
    Resource(
        "", "v1", "nodes", "Node", _STATUS, namespaced=False, short_names=("no",), subresources=("status",)
    ),
    Resource(
        "",
        "v1",
        "pods",
        "Pod",
        _STATUS,
        short_names=("po",),
        categories=("all",),
        subresources=("status", "log"),
        selectable=("status.phase", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName"),
    ),
    Resource("", "v1", "secrets", "Secret", _PLAIN, selectable=("type",)),
    Resource("", "v1", "configmaps", "ConfigMap", _PLAIN, short_names=("cm",)),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", _PLAIN, short_names=("sa",)),
    Resource(
        "", "v1", "resourcequotas", "ResourceQuota", _STATUS, short_names=("quota",), subresources=("status",)
    ),
    Resource("", "v1", "events", "Event", _PLAIN, short_names=("ev",)),
    Resource(
        "batch",
        "v1",
        "jobs",
        "Job",
        PlainStrategy(has_status=True, counts_generation=True),
        categories=("all",),
        subresources=("status",),
        default_propagation="Orphan",
        selectable=("status.successful",),
    ),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", _PLAIN, unconditional_update=False),
)
