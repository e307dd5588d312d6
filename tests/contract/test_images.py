"""What the Dockerfiles say, and that the archives of `make images`, which need no Docker, say the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cluster import dockerfile, images, layers
from ferryman_operator.settings import PodSettings

ROOT = Path(__file__).resolve().parents[2]
FILES = (images.RUNNER_FILE, images.OPERATOR_FILE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPLOYMENT = (ROOT / "charts" / "ferryman" / "templates" / "deployment.yaml").read_text()
LEFT_OUT = {"boto3", "cloudpickle", "kubernetes", "obstore", "rich", "typer"}


def text(file: str) -> str:
    return (ROOT / file).read_text()


def without_names(file: str) -> str:
    """All of its stages but what has to differ: what is installed, and what the image is called and starts."""
    return re.sub(
        r"^(#.*|RUN python -c .*|LABEL .*|ENTRYPOINT .*|.*opencontainers.*)\n",
        "",
        text(file),
        flags=re.MULTILINE,
    )


def test_both_are_made_in_the_same_way():
    assert without_names(images.RUNNER_FILE) == without_names(images.OPERATOR_FILE)


@pytest.mark.parametrize("file", FILES)
def test_the_user_is_the_number_that_chart_and_operator_give_to_pods(file: str):
    uid = PodSettings(image="x").run_as_user
    assert dockerfile.settings(file)["User"] == f"{uid}:{uid}"
    assert f"runAsUser: {uid}\n        runAsGroup: {uid}\n" in DEPLOYMENT


def test_the_operators_entrypoint_is_the_command_of_the_chart():
    command = ", ".join(dockerfile.settings(images.OPERATOR_FILE)["Entrypoint"])
    assert f"command: [{command}]" in DEPLOYMENT


def test_the_runner_has_no_entrypoint_because_jobs_say_what_to_run():
    assert "Entrypoint" not in dockerfile.settings(images.RUNNER_FILE)


@pytest.mark.parametrize("file", FILES)
def test_what_a_program_may_write_is_in_tmp_and_it_writes_at_once(file: str):
    assert {"HOME=/tmp", "PYTHONUNBUFFERED=1"} <= set(dockerfile.settings(file)["Env"])


@pytest.mark.parametrize("file", FILES)
def test_the_base_names_the_python_that_the_archives_have(file: str):
    assert dockerfile.base(file) == f"docker.io/library/python:{layers.PYTHON}-slim-{layers.SUITE}"


@pytest.mark.parametrize("file", FILES)
def test_what_is_installed_has_the_versions_that_we_test_with(file: str):
    assert "--constraint constraints.txt" in text(file)


@pytest.mark.parametrize("file", FILES)
def test_every_copied_file_passes_the_ignore_file(file: str):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text(file), re.MULTILINE)
        for word in line.split()
    ]
    assert copied
    assert {f"!{word}" for word in copied} <= set(ignored)
    assert [word for word in copied if not (ROOT / word).exists()] == []


def test_the_operators_image_leaves_out_what_the_operator_never_loads():
    wanted = {*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["operator"]}
    inside = set(PROJECT["dependency-groups"]["operator-image"])
    assert inside < wanted
    assert {re.split(r"\W*>", one)[0] for one in wanted - inside} == LEFT_OUT


def test_the_operator_starts_without_what_its_image_leaves_out():
    """None in sys.modules is what makes an import of that name fail."""
    code = f"import sys; sys.modules.update(dict.fromkeys({LEFT_OUT!r})); sys.argv[1:] = ['--help']\n"
    code += "import runpy; runpy.run_module('ferryman_operator', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--config" in done.stdout
