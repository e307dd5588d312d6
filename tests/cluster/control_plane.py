"""The API server, the controller manager and the scheduler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cluster import binaries, certificates, etcd, kubeconfig, network
from cluster.paths import AUDIT_LOG, STATE
from cluster.processes import Process, answers

FOLDER = STATE / "control-plane"

BODIES = [
    {
        "level": "RequestResponse",
        "verbs": ["create", "update", "patch"],
        "resources": [
            {"group": "ferryman.dev", "resources": ["taskruns", "taskruns/status"]},
            {"group": "batch", "resources": ["jobs"]},
        ],
    },
    {
        "level": "Request",
        "verbs": ["create"],
        "resources": [{"group": group, "resources": ["events"]} for group in ("", "events.k8s.io")],
    },
]
"""Of these writes the audit log keeps what was sent and what came of it: the history that tests judge."""

# Not the usual ones, nor those of etcd and the kubelet: another Kubernetes may run on this machine.
CONTROLLER_MANAGER_PORT = 20257
SCHEDULER_PORT = 20259

NODE_SELECTOR = "ferryman.dev/node"
"""The label by which a namespace chooses its node: `real` or `fake`."""


def api_server(default_node: str, *, bodies: bool = True) -> Process:
    """`default_node` is where pods go whose namespace does not say; without `bodies` the audit log is cheaper."""
    files = {
        "audit-policy.json": _audit_policy(BODIES if bodies else []),
        "admission.json": _admission(),
        "node-selector.json": {
            "podNodeSelectorPluginConfig": {"clusterDefaultNodeSelector": f"{NODE_SELECTOR}={default_node}"}
        },
    }
    flags = {
        "etcd-servers": etcd.URL,
        "bind-address": network.API,
        "advertise-address": network.HOST,
        "secure-port": 443,
        "service-cluster-ip-range": network.SERVICES,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction,PodNodeSelector",
        "admission-control-config-file": FOLDER / "admission.json",
        "audit-policy-file": FOLDER / "audit-policy.json",
        "audit-log-path": AUDIT_LOG,
        "client-ca-file": certificates.AUTHORITY.file,
        "tls-cert-file": certificates.API_SERVER.file,
        "tls-private-key-file": certificates.API_SERVER.key,
        "service-account-key-file": certificates.SERVICE_ACCOUNTS.file,
        "service-account-signing-key-file": certificates.SERVICE_ACCOUNTS.key,
        "service-account-issuer": "https://kubernetes.default.svc",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-certificate-authority": certificates.AUTHORITY.file,
        "kubelet-client-certificate": certificates.API_SERVER_AS_CLIENT.file,
        "kubelet-client-key": certificates.API_SERVER_AS_CLIENT.key,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (FOLDER / name).write_text(json.dumps(content))
    return Process(
        "kube-apiserver", _command("kube-apiserver", flags), lambda: answers(f"{kubeconfig.SERVER}/readyz")
    )


def controller_manager(*, qps: int = 200) -> Process:
    """`qps` is what bounds how fast bare Jobs can be run; Kubernetes' own default is 20."""
    flags = {
        "kubeconfig": _kubeconfig(certificates.CONTROLLER_MANAGER),
        "authentication-kubeconfig": _kubeconfig(certificates.CONTROLLER_MANAGER),
        "authorization-kubeconfig": _kubeconfig(certificates.CONTROLLER_MANAGER),
        "use-service-account-credentials": "true",
        "service-account-private-key-file": certificates.SERVICE_ACCOUNTS.key,
        "root-ca-file": certificates.AUTHORITY.file,
        "bind-address": "127.0.0.1",
        "secure-port": CONTROLLER_MANAGER_PORT,
        "leader-elect": "false",
        "controllers": "*,-nodeipam,-cloud-node-lifecycle,-service-lb-controller,-node-route-controller",
        "flex-volume-plugin-dir": FOLDER / "volume-plugins",
        "kube-api-qps": qps,
        "kube-api-burst": 2 * qps,
        "concurrent-job-syncs": 20,
    }
    return Process(
        "kube-controller-manager",
        _command("kube-controller-manager", flags),
        lambda: answers(f"https://127.0.0.1:{CONTROLLER_MANAGER_PORT}/healthz"),
    )


def scheduler() -> Process:
    flags = {
        "kubeconfig": _kubeconfig(certificates.SCHEDULER),
        "authentication-kubeconfig": _kubeconfig(certificates.SCHEDULER),
        "authorization-kubeconfig": _kubeconfig(certificates.SCHEDULER),
        "bind-address": "127.0.0.1",
        "secure-port": SCHEDULER_PORT,
        "leader-elect": "false",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
    }
    command = _command("kube-scheduler", flags)
    return Process("kube-scheduler", command, lambda: answers(f"https://127.0.0.1:{SCHEDULER_PORT}/healthz"))


def _kubeconfig(certificate: certificates.Certificate) -> Path:
    return certificates.FOLDER / f"{certificate.name}.kubeconfig"


def _command(part: str, flags: dict[str, Any]) -> tuple[str, ...]:
    words = (f"--{name}={value}" for name, value in flags.items())
    return (str(binaries.path(binaries.KUBERNETES)), part, *words)


def _audit_policy(first: list[dict[str, Any]]) -> dict[str, Any]:
    # Without ResponseStarted and RequestReceived every request is one line, with times in microseconds.
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "omitManagedFields": True,
        "rules": [*first, {"level": "Metadata"}],
    }


def _admission() -> dict[str, Any]:
    plugin = {"name": "PodNodeSelector", "path": str(FOLDER / "node-selector.json")}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [plugin],
    }
