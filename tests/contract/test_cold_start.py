"""What a fresh interpreter loads: the budget of every pod and of every `import ferryman`.

Compared by name, in a subprocess, so that an import hidden in a parent package is seen too.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ferryman import Task
from ferryman.wire import codecs

FORBIDDEN_IN_THE_SDK = {
    "kubernetes",
    "boto3",
    "botocore",
    "pydantic",
    "rich",
    "typer",
    "yaml",
    "kopf",
    "aiohttp",
    "obstore",
}
ALLOWED_IN_THE_RUNNER = {"ferryman", "cloudpickle", "obstore"}
ALLOWED_PARTS_IN_THE_RUNNER = {"api", "wire", "runner", "exceptions", "context", "version"}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nimport json\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def top_level(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_importing_ferryman_loads_no_client_library():
    assert top_level(modules_after("import ferryman")) & FORBIDDEN_IN_THE_SDK == set()


def test_decorating_a_function_loads_no_client_library():
    statement = "from ferryman import task\n@task(retries=3)\ndef f(x): return x"
    assert top_level(modules_after(statement)) & FORBIDDEN_IN_THE_SDK == set()


@pytest.fixture(scope="module")
def runner_modules() -> set[str]:
    return modules_after("import ferryman.runner.__main__, ferryman.wire.obstore, ferryman.wire.codecs")


def test_the_runner_loads_the_standard_library_cloudpickle_and_obstore_only(runner_modules: set[str]):
    foreign = top_level(runner_modules) - set(sys.stdlib_module_names) - ALLOWED_IN_THE_RUNNER
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_the_runner_loads_only_its_own_parts_of_ferryman(runner_modules: set[str]):
    parts = {name.split(".")[1] for name in runner_modules if name.startswith("ferryman.")}
    assert parts - ALLOWED_PARTS_IN_THE_RUNNER == set()


def test_a_task_in_a_pod_loads_no_client_library_and_not_what_submits():
    blob = codecs.seal_code(codecs.Code(Task(len, retries=3))).body
    loaded = modules_after(
        f"from ferryman.wire import codecs; codecs.open_code({blob!r}).task.bind(([],), {{}})"
    )
    assert top_level(loaded) & FORBIDDEN_IN_THE_SDK == set()
    submitting = {"client", "connection", "delivery", "futures", "submission", "watching", "progress"}
    assert {name for name in loaded if name.removeprefix("ferryman.") in submitting | {"asyncio"}} == set()


def test_the_operator_never_loads_what_could_read_a_payload():
    modules = modules_after("import ferryman_operator.__main__")
    assert top_level(modules) & {"cloudpickle", "boto3", "obstore"} == set()
    assert {name for name in modules if name.startswith("ferryman.wire")} == set()
