"""What a person does first, on a real Kubernetes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))


def test_the_quickstart_runs_to_its_end(place):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py")],
        env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 files agree" in done.stdout


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_completes_in_a_restricted_namespace(place, sample):
    place.apply(sample.read_text())
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(sample.read_text())]
    assert {name: place.ended(name)["phase"] for name in names} == dict.fromkeys(names, "Completed")
