"""The composition root of the SDK: settings, then the adapters for Kubernetes and S3."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman import settings
from ferryman.cluster import Cluster
from ferryman.exceptions import ConfigurationError
from ferryman.settings import KubeContext, Settings, StoreSettings
from ferryman.wire.store import Store

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Connection:
    """What a client works with."""

    cluster: Cluster
    store: Store
    settings: Settings


def open_connection(environ: Mapping[str, str], *, context: str | None, namespace: str | None) -> Connection:
    """Connect to what the environment, the kubeconfig and the configuration file say.

    Sends nothing yet. Raises ConfigurationError in one line that says what to do.
    """
    found, cluster = open_cluster(environ, context=context, namespace=namespace)
    return Connection(cluster, open_store(found.require_store()), found)


def open_store(store: StoreSettings) -> Store:
    """The store's adapter. Sends nothing yet."""
    # Deferred: boto3 costs 300 ms, which those who import a module with tasks need not pay.
    from ferryman.wire.s3 import S3Store  # noqa: PLC0415

    keys = store.credentials
    return S3Store(
        store.location,
        access_key_id=keys.access_key_id if keys else None,
        secret_access_key=keys.secret_access_key if keys else None,
    )


def open_cluster(
    environ: Mapping[str, str], *, context: str | None = None, namespace: str | None = None
) -> tuple[Settings, Cluster]:
    """The settings, and the cluster alone: for those who need no store."""
    # Deferred: the Kubernetes client costs half a second.
    from ferryman import kube  # noqa: PLC0415

    config = settings.read_config(settings.config_path(environ))
    wanted = settings.wanted_context(environ, config, context)
    path = settings.kubeconfig_path(environ)
    if any(Path(one).exists() for one in path.split(os.pathsep)):
        found = kube.read_context(path, wanted.value or None)
        cluster: Cluster = kube.KubeCluster(kube.from_kubeconfig(path, found.name))
    elif (_SERVICE_ACCOUNT / "token").exists():
        here = (_SERVICE_ACCOUNT / "namespace").read_text().strip()
        found = KubeContext(str(_SERVICE_ACCOUNT), "in-cluster", here)
        cluster = kube.KubeCluster(kube.from_service_account())
    else:
        raise ConfigurationError(_nowhere(environ, path))
    return settings.resolve(environ, found, config, namespace=namespace), cluster


def _nowhere(environ: Mapping[str, str], path: str) -> str:
    if "FERRYMAN_ASSIGNMENT" in environ:
        return (
            "this is the pod of a task run: it has no credentials for Kubernetes, so tasks can be called "
            "here but not submitted; @task(pod=Pod(api_access=True, service_account=...)) gives it some"
        )
    return f"no kubeconfig at {path}: set KUBECONFIG, or start a cluster here with `ferryman dev up`"
