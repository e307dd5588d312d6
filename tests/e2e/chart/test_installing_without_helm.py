"""manifests/install.yaml, used as its first lines say: set the bucket and the images, and apply it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from builders.chart import ROOT
from builders.installations import NAME, NAMESPACE, Installation
from builders.releases import kubectl

pytestmark = pytest.mark.disturbing

KEPT = ("CustomResourceDefinition", "Namespace")
"""What is not deleted afterwards: other runs need them."""


def filled_in(installation: Installation) -> str:
    values = installation.values()
    text = (ROOT / "manifests" / "install.yaml").read_text()
    for old, new in (
        ('"ferryman-operator:0.1.0"', "{repository}:{tag}".format(**values["operator"]["image"])),
        ('"ferryman-runner:0.1.0"', values["pod"]["image"]),
    ):
        assert old in text
        text = text.replace(old, new)
    objects = [one for one in yaml.safe_load_all(text) if one]
    (config,) = (one for one in objects if one["kind"] == "ConfigMap")
    settings = yaml.safe_load(config["data"]["operator.yaml"])
    assert settings["stores"]["default"]["bucket"] == "CHANGE-ME"
    settings["stores"]["default"] = values["stores"]["default"]
    config["data"]["operator.yaml"] = yaml.safe_dump(settings)
    return yaml.safe_dump_all(objects)


@pytest.fixture
def applied(installation, tmp_path) -> Iterator[Installation]:
    """Installed from the manifest, where helm's release was before and is again."""
    path = tmp_path / "install.yaml"
    path.write_text(filled_in(installation))
    installation.helm("uninstall", "--wait")
    try:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
        installation.wait()
        yield installation
    finally:
        objects = [one for one in yaml.safe_load_all(path.read_text()) if one["kind"] not in KEPT]
        path.write_text(yaml.safe_dump_all(objects))
        kubectl("delete", "--ignore-not-found", "-f", str(path))
        installation.install()


def test_kubectl_apply_of_it_serves_runs(applied, place):
    deployment = json.loads(kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", "json"))
    assert deployment["status"]["readyReplicas"] == 2
    assert place.ended(place.run("mean"))["phase"] == "Completed"
