"""Where the API server is and who we are there: a kubeconfig, or the pod's service account."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_REREAD_SECONDS: Final = 60.0


class NoCluster(Exception):
    """There is no cluster to talk to, or no way to log in; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach and convince an API server. `authorization` is asked before every request."""

    server: str
    ssl: ssl.SSLContext | None
    authorization: Callable[[], str | None]
    namespace: str = "default"
    """The operator's own."""
    proxy: str | None = None
    server_name: str | None = None


class TokenFile:
    """A bearer token in a file that the kubelet replaces: read again every minute."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._monotonic = monotonic
        self._read_at = -_REREAD_SECONDS
        self._header = ""

    def __call__(self) -> str | None:
        """The value of the Authorization header."""
        now = self._monotonic()
        if now - self._read_at >= _REREAD_SECONDS:
            try:
                self._header = f"Bearer {self._path.read_text(encoding='ascii').strip()}"
                self._read_at = now
            except OSError:
                if not self._header:
                    raise
        return self._header


def connect(environment: Mapping[str, str], monotonic: Callable[[], float]) -> Connection:
    """KUBECONFIG, else the service account of the pod, else ~/.kube/config. Raises NoCluster."""
    if path := environment.get("KUBECONFIG"):
        # A list of files is the business of kubectl; the operator is given one.
        return from_kubeconfig(Path(path.split(os.pathsep)[0]), monotonic)
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return from_service_account(environment, SERVICE_ACCOUNT, monotonic)
    return from_kubeconfig(Path.home() / ".kube" / "config", monotonic)


def from_service_account(
    environment: Mapping[str, str], folder: Path, monotonic: Callable[[], float]
) -> Connection:
    """The pod's own identity. Raises NoCluster."""
    host = environment["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    token = TokenFile(folder / "token", monotonic)
    try:
        token()
        namespace = (folder / "namespace").read_text(encoding="ascii").strip()
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise NoCluster(f"service account in {folder}: {error}") from None
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    return Connection(f"https://{host}:{port}", context, token, namespace)


def from_kubeconfig(path: Path, monotonic: Callable[[], float]) -> Connection:
    """The current context of a kubeconfig. Raises NoCluster, naming the part that is missing."""
    config = _read(path)
    context = _named(config, "contexts", "context", str(config.get("current-context") or ""), path)
    cluster = _named(config, "clusters", "cluster", str(context.get("cluster") or ""), path)
    user = _named(config, "users", "user", str(context["user"]), path) if context.get("user") else {}
    server = cluster.get("server")
    if not server:
        raise NoCluster(f"{path}: cluster {context.get('cluster')!r} has no server")
    try:
        return Connection(
            server=str(server).rstrip("/"),
            ssl=_ssl(cluster, user, path.parent) if str(server).startswith("https:") else None,
            authorization=_authorization(user, path, monotonic),
            namespace=str(context.get("namespace") or "default"),
            proxy=cluster.get("proxy-url"),
            server_name=cluster.get("tls-server-name"),
        )
    except (OSError, ssl.SSLError, binascii.Error) as error:
        raise NoCluster(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoCluster(f"{path}: {error.strerror or error}; set KUBECONFIG") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise NoCluster(f"{path}: not YAML") from None
    if not isinstance(config, dict):
        raise NoCluster(f"{path}: not a kubeconfig")
    return config


def _named(config: Mapping[str, Any], plural: str, singular: str, name: str, path: Path) -> dict[str, Any]:
    for entry in config.get(plural) or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            return dict(entry.get(singular) or {})
    raise NoCluster(f"{path}: there is no {singular} named {name!r}")


def _ssl(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    data = cluster.get("certificate-authority-data")
    file = cluster.get("certificate-authority")
    context = ssl.create_default_context(
        cafile=str(folder / file) if file and not data else None,
        cadata=base64.b64decode(data).decode("ascii") if data else None,
    )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load_client_certificate(context, user, folder)
    return context


def _load_client_certificate(context: ssl.SSLContext, user: Mapping[str, Any], folder: Path) -> None:
    if user.get("client-certificate-data") and user.get("client-key-data"):
        # The ssl module reads certificates from files only.
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "client.pem"
            file.touch(mode=0o600)
            file.write_bytes(
                base64.b64decode(user["client-certificate-data"])
                + b"\n"
                + base64.b64decode(user["client-key-data"])
            )
            context.load_cert_chain(str(file))
    elif user.get("client-certificate") and user.get("client-key"):
        context.load_cert_chain(str(folder / user["client-certificate"]), str(folder / user["client-key"]))


def _authorization(
    user: Mapping[str, Any], path: Path, monotonic: Callable[[], float]
) -> Callable[[], str | None]:
    if user.get("tokenFile"):
        return TokenFile(path.parent / user["tokenFile"], monotonic)
    if user.get("exec") or user.get("auth-provider"):
        raise NoCluster(f"{path}: the operator does not run login plugins; use a token or a certificate")
    header: str | None = None
    if user.get("token"):
        header = f"Bearer {user['token']}"
    elif user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        header = f"Basic {base64.b64encode(pair).decode('ascii')}"
    return lambda: header
