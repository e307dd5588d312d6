"""The chart, rendered by the helm that tools/helm.sh has built."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "ferryman"
NAMESPACE = "ferryman"


class HelmRefused(Exception):
    """helm ended with an error; the message is what it said."""


@cache
def helm() -> str:
    """The path of the cached helm; skips the test where there is none."""
    found = subprocess.run([ROOT / "tools/helm.sh", "--cached"], check=False, capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"no helm: {found.stderr.strip()}")
    return found.stdout.strip()


@cache
def run_helm(*arguments: str) -> str:
    """What helm prints, asked once. Raises HelmRefused."""
    done = subprocess.run([helm(), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise HelmRefused(done.stderr)
    return done.stdout


def rendered_text(*arguments: str, values: dict[str, Any] | None = None) -> str:
    """The chart's manifests; `values` are laid over its defaults. Raises HelmRefused."""
    assignments = [f"--set-json={name}={json.dumps(value)}" for name, value in (values or {}).items()]
    return run_helm("template", "ferryman", str(CHART), "--namespace", NAMESPACE, *arguments, *assignments)


def rendered(*arguments: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The chart's objects. Raises HelmRefused."""
    return [one for one in yaml.load_all(rendered_text(*arguments, values=values), yaml.CSafeLoader) if one]


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] in kinds]


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = of_kind(objects, kind)
    return found


def configuration(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The operator's configuration file, as the ConfigMap has it."""
    return yaml.safe_load(only(objects, "ConfigMap")["data"]["operator.yaml"])
