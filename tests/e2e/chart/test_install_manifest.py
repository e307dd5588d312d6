"""manifests/install.yaml on a real API server, which knows every field of every kind and what may be in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from builders.releases import kubectl

FILE = Path(__file__).resolve().parents[3] / "manifests" / "install.yaml"
NAMESPACE = "ferryman"
OBJECTS = [one for one in yaml.safe_load_all(FILE.read_text()) if one]


@pytest.fixture(scope="module")
def namespace() -> Iterator[None]:
    """Without it the dry run of what is in it has nowhere to go."""
    was_there = kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name")
    if not was_there:
        kubectl("create", "namespace", NAMESPACE)
    yield
    if not was_there:
        kubectl("delete", "namespace", NAMESPACE)


def applied(*arguments: str) -> list[str]:
    """What kubectl says of each object. A dry run: the cluster may have a release of that name."""
    said = kubectl(
        "apply", "-f", str(FILE), "--dry-run=server", "--validate=strict", "-o", "name", *arguments
    )
    return said.splitlines()


def test_the_api_server_accepts_every_object_of_it(namespace):
    assert len(applied("--server-side", "--force-conflicts")) == len(OBJECTS)


def test_it_accepts_them_also_from_a_client_that_applies_by_itself(namespace):
    assert len(applied("--server-side=false")) == len(OBJECTS)
