"""The shape of the repository, where Python itself would break without it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from ferryman.version import VERSION

ROOT = Path(__file__).resolve().parents[2]

TOP_LEVEL = {
    "pyproject.toml",
    "operator",
    "sdk",
    "charts",
    "manifests",
    "tests",
    "README.md",
    "docs",
    "examples",
    "tools",
    "Makefile",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
    ".ci",
    ".dockerignore",
    ".gitignore",
}


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listing.stdout.splitlines()]


def test_the_top_level_is_the_one_that_was_agreed_on():
    assert {path.parts[0] for path in tracked()} == TOP_LEVEL


def test_the_folder_operator_is_no_package():
    """With an `__init__.py` it would shadow the standard library's `operator` for anyone in the root."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_python_starts_in_the_root_of_the_repository():
    subprocess.run([sys.executable, "-c", "import collections, operator; operator.eq"], cwd=ROOT, check=True)


def test_there_are_no_tests_under_operator():
    assert not [path for path in tracked() if path.parts[0] == "operator" and path.name.startswith("test_")]


def test_no_test_folder_is_a_package():
    assert not [path for path in tracked() if path.parts[0] == "tests" and path.name == "__init__.py"]


def test_no_file_is_a_drawer():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in tracked() if drawers & {part.removesuffix(".py") for part in path.parts}]


def test_no_source_file_is_longer_than_four_hundred_lines():
    sources = [p for p in tracked() if p.suffix == ".py" and p.parts[0] in ("sdk", "operator", "tools")]
    too_long = {str(p): n for p in sources if (n := len((ROOT / p).read_text().splitlines())) > 400}
    assert too_long == {}


def test_the_package_and_the_code_agree_on_the_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
