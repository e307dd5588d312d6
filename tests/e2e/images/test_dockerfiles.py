"""Both Dockerfiles build, from the root of the repository, and what they build is what the archives of `make images` are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from builders.buildah import Buildah, BuildahFailed, Built
from cluster import images, packages
from ferryman.api import runner_contract
from ferryman.api.reasons import Reason
from ferryman.version import VERSION

# Both images are built once, in the time of whichever test comes first.
pytestmark = [pytest.mark.xdist_group("dockerfiles"), pytest.mark.timeout(1800)]

# Every module that a file of byte code could stand for, whose byte code is missing or would be checked at each import.
WITHOUT_BYTE_CODE = """
import importlib.util, pathlib, sysconfig
def stale(source):
    compiled = pathlib.Path(importlib.util.cache_from_source(source))
    return not compiled.exists() or compiled.read_bytes()[4:8] != b"\\x01\\x00\\x00\\x00"
for name in {names}:
    for source in pathlib.Path(sysconfig.get_path("purelib"), name).rglob("*.py"):
        if stale(source):
            print(source)
"""


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    packages.install(packages.BUILDERS)
    one = Buildah(tmp_path_factory.mktemp("buildah"))
    one.take_base()
    yield one
    one("rm", "--all")
    one("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def runner(buildah: Buildah) -> Built:
    return buildah.build(images.RUNNER_FILE, "ferryman-runner")


@pytest.fixture(scope="module")
def operator(buildah: Buildah) -> Built:
    return buildah.build(images.OPERATOR_FILE, "ferryman-operator")


def settings(built: Built) -> dict:
    """As the image has them, without buildah's own label."""
    labels = {
        name: value for name, value in built.config["Labels"].items() if not name.startswith("io.buildah")
    }
    return built.config | {"Labels": labels}


def test_a_container_of_the_runner_is_started_as_one_of_the_archive(runner: Built):
    assert settings(runner) == images.runner().config


def test_a_container_of_the_operator_is_started_as_one_of_the_archive(operator: Built):
    assert settings(operator) == images.operator().config


def test_the_runner_runs_as_nobody_and_says_what_it_lacks(runner: Built):
    command = " ".join(runner_contract.COMMAND)
    said = runner.run("sh", "-c", f"id -u; {command} 2>&1; echo code $?")
    assert said.startswith("65532\n")
    assert Reason.INVALID_SPEC in said
    assert f"code {runner_contract.ExitCode.PERMANENT_FAILURE:d}" in said


def test_the_operator_prints_how_it_is_called(operator: Built):
    assert "--config" in operator.run(*operator.config["Entrypoint"], "--help")


def test_the_command_line_is_in_the_runners_image(runner: Built):
    assert VERSION in runner.run("ferryman", "--version")


def test_nothing_in_the_operators_image_could_read_a_payload(operator: Built):
    for module in ("cloudpickle", "boto3", "obstore", "kubernetes"):
        with pytest.raises(BuildahFailed, match=f"No module named '{module}'"):
            operator.run("python", "-c", f"import {module}")


@pytest.mark.parametrize("name", ["runner", "operator"])
def test_no_start_compiles_anything(name: str, request: pytest.FixtureRequest):
    built: Built = request.getfixturevalue(name)
    ours = ("ferryman", "pydantic", "yaml") if name == "operator" else ("ferryman", "cloudpickle", "obstore")
    assert built.run("python", "-c", WITHOUT_BYTE_CODE.format(names=ours)) == ""
