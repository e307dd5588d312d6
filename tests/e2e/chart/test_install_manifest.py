"""manifests/install.yaml on a real API server, which knows every field of every kind and what may be in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders.releases import kubectl

FILE = Path(__file__).resolve().parents[3] / "manifests" / "install.yaml"
ITS_NAMESPACE = "ferryman"
# Both dry runs and the CRD's change in the life of a release look at the same objects of the cluster.
pytestmark = pytest.mark.xdist_group("chart")


def moved(one: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An object of the file in another namespace: that of the file may hold a release that others use."""
    metadata = one["metadata"]
    key = "name" if one["kind"] == "Namespace" else "namespace"
    return one | {"metadata": metadata | ({key: namespace} if metadata.get(key) == ITS_NAMESPACE else {})}


@pytest.fixture(scope="module")
def objects() -> Iterator[list[dict[str, Any]]]:
    """Those of the file. Their namespace exists: without it the dry run of what is in it has nowhere to go."""
    namespace = f"install-{secrets.token_hex(3)}"
    kubectl("create", "namespace", namespace)
    yield [moved(one, namespace) for one in yaml.safe_load_all(FILE.read_text())]
    kubectl("delete", "namespace", namespace, "--wait=false")


def applied(objects: list[dict[str, Any]], *arguments: str) -> list[str]:
    """What kubectl says of each object. A dry run: the cluster may have a release of the same name."""
    whole = {"apiVersion": "v1", "kind": "List", "items": objects}
    dry = ("--dry-run=server", "--validate=strict", "-o", "name")
    return kubectl("apply", "-f", "-", *dry, *arguments, stdin=whole).splitlines()


def test_the_api_server_accepts_every_object_of_it(objects):
    assert len(applied(objects, "--server-side", "--force-conflicts")) == len(objects)


def test_it_accepts_them_also_from_a_client_that_applies_by_itself(objects):
    assert len(applied(objects, "--server-side=false")) == len(objects)
