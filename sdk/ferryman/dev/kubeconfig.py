"""The kubeconfig of an embedded cluster: all that a client needs, the store included."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ferryman.api.runner_contract import StoreLocation
from ferryman.dev.store import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from ferryman.exceptions import ConfigurationError
from ferryman.settings import EXTENSION

CONTEXT: Final = "ferryman-dev"


def require_replaceable(path: Path) -> None:
    """Raises ConfigurationError where the kubeconfig of another cluster is."""
    if path.exists() and not _is_ours(path):
        raise ConfigurationError(
            f"{path} is the kubeconfig of another cluster: choose another path with --kubeconfig"
        )


def write(path: Path, server: str, store: StoreLocation) -> None:
    """Write it, readable by its owner only, over whatever is there."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(_content(server, store), sort_keys=False))


def _content(server: str, store: StoreLocation) -> dict[str, Any]:
    extension = {
        "bucket": store.bucket,
        "prefix": store.prefix,
        "endpoint": store.endpoint,
        "region": store.region,
        "accessKeyId": ACCESS_KEY_ID,
        "secretAccessKey": SECRET_ACCESS_KEY,
    }
    context = {
        "cluster": CONTEXT,
        "user": CONTEXT,
        "namespace": "default",
        "extensions": [{"name": EXTENSION, "extension": extension}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server}}],
        "users": [{"name": CONTEXT, "user": {}}],
        "contexts": [{"name": CONTEXT, "context": context}],
        "current-context": CONTEXT,
    }


def _is_ours(path: Path) -> bool:
    try:
        known = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return known is None or (isinstance(known, dict) and known.get("current-context") == CONTEXT)
