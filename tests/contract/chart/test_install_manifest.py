"""manifests/install.yaml: the chart's defaults for those without Helm, never out of date."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import yaml

from builders.chart import NAMESPACE, configuration, of_kind, only, rendered
from ferryman_operator import settings

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "manifests" / "install.yaml").read_text()
LARGEST_ANNOTATION = 256 * 1024


def objects() -> list[dict]:
    return list(yaml.safe_load_all(TEXT))


def chart_tool():
    spec = importlib.util.spec_from_file_location("chart_tool", ROOT / "tools" / "chart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_was_made_from_this_chart():
    """Run `make helm generate` where this fails, and commit what it wrote. Needs no helm to tell."""
    assert re.search(r"^# chart: sha256:(\w+)$", TEXT, re.MULTILINE)[1] == chart_tool().digest()


def test_it_is_the_chart_with_its_defaults():
    def named(found: list[dict]) -> set:
        return {(one["kind"], one["metadata"]["name"]) for one in found}

    assert named(objects()) == named(rendered("--include-crds")) | {("Namespace", NAMESPACE)}


def test_what_others_need_comes_first():
    assert [one["kind"] for one in objects()[:2]] == ["Namespace", "CustomResourceDefinition"]


def test_it_does_not_claim_to_be_helms():
    assert "Helm" not in TEXT.split("\n---\n", 1)[1]
    assert "helm.sh/chart" not in TEXT


def test_the_operator_accepts_its_configuration():
    settings.parse(configuration(objects()))


def test_kubectl_can_apply_it_on_the_client_side_too():
    """That keeps the whole object in an annotation."""
    (crd,) = of_kind(objects(), "CustomResourceDefinition")
    assert len(yaml.safe_dump(crd)) < LARGEST_ANNOTATION


def test_its_namespace_enforces_what_the_operator_keeps():
    labels = only(objects(), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
