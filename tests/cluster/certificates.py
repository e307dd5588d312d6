"""One certificate authority, and a certificate for everyone who has to prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster import network, packages
from cluster.commands import run
from cluster.paths import STATE

FOLDER = STATE / "certificates"


@dataclass(frozen=True)
class Certificate:
    """Its files, its subject and, of a server, its names."""

    name: str
    subject: str
    names: str = ""

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return FOLDER / f"{self.name}.key"


AUTHORITY = Certificate("ca", "/CN=ferryman-test-cluster")
SERVICE_ACCOUNTS = Certificate("service-accounts", "/CN=service-accounts")
API_SERVER = Certificate(
    "api-server",
    "/CN=kube-apiserver",
    f"IP:{network.API},IP:{network.HOST},IP:127.0.0.1,DNS:localhost,"
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local",
)
KUBELET_SERVER = Certificate("kubelet-server", "/CN=real", f"IP:{network.HOST}")
API_SERVER_AS_CLIENT = Certificate("api-server-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
ADMINISTRATOR = Certificate("admin", "/O=system:masters/CN=admin")
CONTROLLER_MANAGER = Certificate("controller-manager", "/CN=system:kube-controller-manager")
SCHEDULER = Certificate("scheduler", "/CN=system:kube-scheduler")
KUBELET = Certificate("kubelet", "/O=system:nodes/CN=system:node:real")
FAKE_NODE = Certificate("fake-node", "/O=system:masters/CN=fake-node")

ALL = (
    SERVICE_ACCOUNTS, API_SERVER, KUBELET_SERVER, API_SERVER_AS_CLIENT, ADMINISTRATOR, CONTROLLER_MANAGER,
    SCHEDULER, KUBELET, FAKE_NODE,
)  # fmt: skip


def make() -> None:
    """Make them all anew."""
    FOLDER.mkdir(parents=True, mode=0o700)
    _request(AUTHORITY, "-addext", "basicConstraints=critical,CA:TRUE")
    for certificate in ALL:
        _request(certificate, *_signed(certificate))


def _signed(certificate: Certificate) -> tuple[str | Path, ...]:
    usage = "serverAuth" if certificate.names else "clientAuth"
    extensions = ["basicConstraints=critical,CA:FALSE", f"extendedKeyUsage={usage}"]
    if certificate.names:
        extensions.append(f"subjectAltName={certificate.names}")
    added = [word for extension in extensions for word in ("-addext", extension)]
    return ("-CA", AUTHORITY.file, "-CAkey", AUTHORITY.key, *added)


def _request(certificate: Certificate, *more: str | Path) -> None:
    run(
        packages.program("openssl"), "req", "-x509", "-new", "-nodes", "-days", "30", "-subj", certificate.subject,
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", certificate.key, "-out", certificate.file, *more,
    )  # fmt: skip
