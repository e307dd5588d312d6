"""What `ferryman doctor` looks at, one finding after the other; what needs what failed is left out."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, cast

from ferryman.api import names
from ferryman.api.reasons import Reason
from ferryman.cli import lengths
from ferryman.cluster import Cluster, Inspector
from ferryman.connection import open_store
from ferryman.exceptions import (
    ClusterError,
    ConfigurationError,
    FerrymanError,
    PermissionDenied,
    StoreNotConditional,
)
from ferryman.runs import view
from ferryman.settings import Settings, StoreSettings
from ferryman.wire import conditional

OPERATOR_LEASE: Final = "ferryman-operator"
_STALE: Final = timedelta(minutes=1)
_RECENT: Final = 50
_RIGHTS: Final = (
    (names.GROUP, names.PLURAL, "", "create"),
    (names.GROUP, names.PLURAL, "", "get"),
    (names.GROUP, names.PLURAL, "", "list"),
    (names.GROUP, names.PLURAL, "", "watch"),
    (names.GROUP, names.PLURAL, "", "patch"),
    ("", "pods", "", "list"),
    ("", "pods", "log", "get"),
)
"""What a client needs; the last three only for `cancel`, `logs` and telling why a run waits."""


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `remedy` says what to do."""

    verdict: Verdict
    subject: str
    detail: str
    remedy: str = ""


def examine(connect: Callable[[], tuple[Settings, Cluster]]) -> Iterator[Finding]:
    """Every check, in the order in which they depend on each other."""
    try:
        settings, cluster = connect()
    except ConfigurationError as error:
        yield Finding(Verdict.PROBLEM, "kubeconfig", str(error))
        return
    context = settings.context
    yield Finding(
        Verdict.OK,
        "kubeconfig",
        f"context {context.value} of {context.source}, namespace {settings.namespace.value}",
    )
    inspector = cast("Inspector", cluster)
    api = _api(inspector)
    yield api
    if api.verdict is Verdict.OK:
        crd = _crd(inspector)
        yield crd
        yield _rights(inspector, settings.namespace.value)
        yield _operator(inspector)
        if crd.verdict is Verdict.OK:
            yield _python(cluster, settings)
    yield _store(settings)


def _api(inspector: Inspector) -> Finding:
    try:
        version = inspector.ask("GET", "/version")
    except ClusterError as error:
        return Finding(
            Verdict.PROBLEM, "API server", str(error), "check the context's server, network and credentials"
        )
    return Finding(Verdict.OK, "API server", f"Kubernetes {version.get('gitVersion', 'of unknown version')}")


def _crd(inspector: Inspector) -> Finding:
    wanted = f"{names.PLURAL}.{names.GROUP}"
    remedy = "install Ferryman's chart, or `kubectl apply -f manifests/crd.yaml`"
    try:
        group = inspector.ask("GET", f"/apis/{names.GROUP}")
        served = [one["version"] for one in group.get("versions", ())]
    except ClusterError as error:
        return Finding(Verdict.PROBLEM, "TaskRun", f"{wanted} is not served: {error}", remedy)
    if names.VERSION not in served:
        text = f"{wanted} is served as {', '.join(served)}; this ferryman speaks {names.VERSION}"
        return Finding(Verdict.PROBLEM, "TaskRun", text, "install the chart and the client of one version")
    return Finding(Verdict.OK, "TaskRun", f"{wanted} is served, {names.VERSION}")


def _rights(inspector: Inspector, namespace: str) -> Finding:
    try:
        denied = [right for right in _RIGHTS if not _is_allowed(inspector, namespace, right)]
    except ClusterError as error:
        return Finding(Verdict.NOTE, "rights", f"cannot be told: {error}")
    if denied:
        listed = ", ".join(
            f"{verb} {'/'.join(filter(None, (plural, sub)))}" for _, plural, sub, verb in denied
        )
        remedy = "ask for a Role in this namespace that allows it"
        return Finding(Verdict.PROBLEM, "rights", f"you may not {listed} in namespace {namespace}", remedy)
    return Finding(Verdict.OK, "rights", f"submit, watch, cancel and read logs in namespace {namespace}")


def _is_allowed(inspector: Inspector, namespace: str, right: tuple[str, str, str, str]) -> bool:
    group, resource, subresource, verb = right
    attributes = {
        "namespace": namespace,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = inspector.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool((answer.get("status") or {}).get("allowed"))


def _operator(inspector: Inspector) -> Finding:
    path = f"/apis/coordination.k8s.io/v1/leases?fieldSelector=metadata.name%3D{OPERATOR_LEASE}"
    try:
        leases = inspector.ask("GET", path).get("items", [])
    except PermissionDenied:
        return Finding(
            Verdict.NOTE, "operator", "cannot be told: you may not list Leases", "ask who runs the cluster"
        )
    except ClusterError as error:
        return Finding(Verdict.NOTE, "operator", f"cannot be told: {error}")
    spec: dict[str, Any] = max(
        (one["spec"] for one in leases), key=lambda spec: spec.get("renewTime") or "", default={}
    )
    if not spec.get("renewTime"):
        return Finding(
            Verdict.PROBLEM, "operator", "there is none: runs will wait for ever", "install Ferryman's chart"
        )
    silence = datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])
    told = f"{spec.get('holderIdentity') or 'nobody'} leads, last heard {lengths.render(silence)} ago"
    if silence > _STALE:
        return Finding(
            Verdict.PROBLEM, "operator", f"it is silent: {told}", "look at the operator's pods and their logs"
        )
    return Finding(Verdict.OK, "operator", told)


def _python(cluster: Cluster, settings: Settings) -> Finding:
    here = ".".join(platform.python_version_tuple()[:2])
    image = f"image {settings.image.value}" if settings.image else "the operator's default image"
    try:
        found = cluster.list_runs(settings.namespace.value)
    except ClusterError as error:
        return Finding(Verdict.NOTE, "Python", f"{here} here; what pods have cannot be told: {error}")
    recent = sorted(found, key=lambda one: one["metadata"].get("creationTimestamp", ""))[-_RECENT:]
    for run in reversed([view(one) for one in recent]):
        if run.reason == Reason.PYTHON_VERSION_MISMATCH:
            return Finding(
                Verdict.PROBLEM,
                "Python",
                f"run {run.name}: {run.message}",
                f"use an image with Python {here}",
            )
        if run.reason == Reason.COMPLETED:
            return Finding(Verdict.OK, "Python", f"{here} here, and run {run.name} completed with {image}")
    return Finding(
        Verdict.OK, "Python", f"{here} here; {image} must have {here}, too (no run has shown it yet)"
    )


def _store(settings: Settings) -> Finding:
    try:
        store = settings.require_store()
        where = _described(store, settings)
        conditional.check(open_store(store), settings.namespace.value)
    except StoreNotConditional as error:
        if store.allow_unconditional:
            detail = f"{where}: writable, ignores conditional writes, and allowUnconditional accepts that"
            return Finding(Verdict.NOTE, "store", detail, "an attempt may run twice on it")
        return Finding(Verdict.PROBLEM, "store", str(error))
    except ConfigurationError as error:
        return Finding(Verdict.PROBLEM, "store", str(error))
    except FerrymanError as error:
        return Finding(Verdict.PROBLEM, "store", str(error), "check bucket, endpoint and credentials")
    return Finding(Verdict.OK, "store", f"{where}: writable, honours conditional writes")


def _described(store: StoreSettings, settings: Settings) -> str:
    location, source = store.location, settings.store.source if settings.store else ""
    path = f"{location.bucket}/{location.prefix}".rstrip("/")
    return f"s3://{path}{f' at {location.endpoint}' if location.endpoint else ''} (from {source})"
