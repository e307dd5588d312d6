"""Kubeconfigs: one for every client, and one for people and tests, which has the store in it too."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from cluster import network, store
from cluster.certificates import AUTHORITY, FOLDER, Certificate

NAME = "ferryman-test"
SERVER = f"https://{network.API}:443"


def write(certificate: Certificate, path: Path | None = None, *, with_store: bool = False) -> Path:
    """Write the kubeconfig of a client, readable by its owner only; without a path, beside its certificate."""
    target = path or FOLDER / f"{certificate.name}.kubeconfig"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.chmod(0o600)
    target.write_text(yaml.safe_dump(_content(certificate, with_store), sort_keys=False))
    return target


def _content(certificate: Certificate, with_store: bool) -> dict[str, Any]:
    context: dict[str, Any] = {"cluster": NAME, "user": certificate.name, "namespace": "default"}
    if with_store:
        context["extensions"] = [{"name": "ferryman.dev/store", "extension": store.extension()}]
    cluster = {"server": SERVER, "certificate-authority-data": _encoded(AUTHORITY.file)}
    user = {
        "client-certificate-data": _encoded(certificate.file),
        "client-key-data": _encoded(certificate.key),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": certificate.name, "user": user}],
        "contexts": [{"name": NAME, "context": context}],
        "current-context": NAME,
    }


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
