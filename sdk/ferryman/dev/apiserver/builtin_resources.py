"""The built-in resources that are served."""

from __future__ import annotations

from typing import Final

from ferryman.dev.apiserver import builtin_columns as columns
from ferryman.dev.apiserver.builtin_schemas import schema_of
from ferryman.dev.apiserver.definitions import DefinitionStrategy
from ferryman.dev.apiserver.event_views import from_new, to_new
from ferryman.dev.apiserver.plain_strategies import (
    ConfigMapStrategy,
    NamespaceStrategy,
    QuotaStrategy,
    SecretStrategy,
)
from ferryman.dev.apiserver.resources import CREATE_ONLY, Registry, Resource
from ferryman.dev.apiserver.strategy import PlainStrategy
from ferryman.dev.apiserver.typed import TypedStrategy
from ferryman.dev.apiserver.workloads import JobStrategy, PodStrategy


def builtin_registry() -> Registry:
    """A registry of the built-in resources."""
    return Registry([*_core(), *_batch(), *_others(), *_reviews()])


_STATUS: Final = ("status",)
_EVENT_FIELDS: Final = (
    *(
        f"involvedObject.{key}"
        for key in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath", "resourceVersion")
    ),
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_POD_FIELDS: Final = (
    "status.phase",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "status.podIP",
)


def _core() -> list[Resource]:
    def core(plural: str, kind: str, strategy: TypedStrategy, **more: object) -> Resource:
        return Resource("", "v1", plural, kind, strategy, schema=strategy.schema, **more)  # type: ignore[arg-type]

    return [
        core(
            "namespaces",
            "Namespace",
            NamespaceStrategy(),
            namespaced=False,
            short_names=("ns",),
            subresources=("status", "finalize"),
            columns=columns.NAMESPACE,
            selectable=("status.phase",),
        ),
        core(
            "nodes",
            "Node",
            TypedStrategy("V1Node", has_status=True),
            namespaced=False,
            short_names=("no",),
            subresources=_STATUS,
            columns=columns.NODE,
        ),
        core(
            "pods",
            "Pod",
            PodStrategy(),
            short_names=("po",),
            categories=("all",),
            subresources=("status", "log"),
            columns=columns.POD,
            selectable=_POD_FIELDS,
        ),
        core("secrets", "Secret", SecretStrategy(), columns=columns.SECRET, selectable=("type",)),
        core("configmaps", "ConfigMap", ConfigMapStrategy(), short_names=("cm",), columns=columns.CONFIG_MAP),
        core("serviceaccounts", "ServiceAccount", TypedStrategy("V1ServiceAccount"), short_names=("sa",)),
        core(
            "resourcequotas",
            "ResourceQuota",
            QuotaStrategy(),
            short_names=("quota",),
            subresources=_STATUS,
            columns=columns.QUOTA,
        ),
        core(
            "events",
            "Event",
            TypedStrategy("CoreV1Event"),
            short_names=("ev",),
            columns=columns.EVENT,
            selectable=_EVENT_FIELDS,
        ),
    ]


def _batch() -> list[Resource]:
    jobs = JobStrategy()
    return [
        Resource(
            "batch",
            "v1",
            "jobs",
            "Job",
            jobs,
            schema=jobs.schema,
            categories=("all",),
            subresources=_STATUS,
            columns=columns.JOB,
            selectable=("status.successful",),
            default_propagation="Orphan",
        ),
    ]


def _others() -> list[Resource]:
    leases = TypedStrategy("V1Lease")
    return [
        Resource(
            "events.k8s.io",
            "v1",
            "events",
            "Event",
            TypedStrategy("CoreV1Event"),
            schema=schema_of("EventsV1Event"),
            short_names=("ev",),
            columns=columns.EVENT,
            store=("", "events"),
            from_stored=to_new,
            to_stored=from_new,
        ),
        Resource(
            "coordination.k8s.io",
            "v1",
            "leases",
            "Lease",
            leases,
            schema=leases.schema,
            columns=columns.LEASE,
            unconditional_update=False,
        ),
        Resource(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            DefinitionStrategy(),
            namespaced=False,
            short_names=("crd", "crds"),
            categories=("api-extensions",),
            subresources=_STATUS,
            columns=columns.DEFINITION,
            unconditional_update=False,
        ),
    ]


def _reviews() -> list[Resource]:
    def review(group: str, plural: str, kind: str) -> Resource:
        return Resource(group, "v1", plural, kind, PlainStrategy(), namespaced=False, verbs=CREATE_ONLY)

    return [
        review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
        review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ]
