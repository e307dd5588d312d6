"""Names of runs, keys of tasks, and which modules travel."""

from __future__ import annotations

import re
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import local_modules, naming

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


@given(st.text(max_size=300))
def test_every_run_name_is_a_dns_label(stem):
    name = naming.run_name(stem, naming.random_suffix())
    assert LABEL.match(name)
    assert len(name) <= 63


def test_a_template_is_filled_with_the_parameters():
    assert naming.rendered("load-{day}-{n:03}", {"day": "mon", "n": 7}) == "load-mon-007"


def test_a_placeholder_that_is_no_parameter_is_an_error():
    with pytest.raises(KeyError, match="week"):
        naming.rendered("load-{week}", {"day": "mon"})


def test_a_function_names_a_run_from_its_parameters():
    assert naming.rendered(lambda parameters: parameters["day"], {"day": "mon"}) == "mon"


def test_a_function_that_returns_no_name_is_an_error():
    with pytest.raises(TypeError, match="int"):
        naming.rendered(lambda: 3, {})


def test_a_task_key_does_not_depend_on_where_the_file_is(tmp_path):
    keys = set()
    for folder in ("a", "b"):
        place = tmp_path / folder / "job.py"
        place.parent.mkdir()
        place.write_text("\n" * len(keys) + "def build(x):\n    return x + 1\n")
        code = "import job\nfrom ferryman.naming import task_key\nprint(task_key(job.build))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place.parent, capture_output=True, text=True, check=True
        )
        keys.add(done.stdout)
    assert len(keys) == 1


def test_a_task_key_changes_with_the_source():
    def one():
        return 1

    def two():
        return 2

    assert naming.task_key(one).split("-")[-1] != naming.task_key(two).split("-")[-1]


def test_a_callable_object_has_a_key():
    class Job:
        def __call__(self):
            return 1

    assert "Job" in naming.task_key(Job())


@pytest.mark.parametrize(
    "path",
    [
        re.__file__,
        pytest.__file__,
        "/home/u/project/.venv/lib/python3.12/site-packages/numpy/__init__.py",
        "frozen",
    ],
)
def test_installed_files_are_not_local(path):
    assert not local_modules.is_local_file(path)


@pytest.mark.parametrize("path", ["/home/u/project/jobs.py", "/srv/app/src/pkg/__init__.py", __file__])
def test_files_of_a_project_are_local(path):
    assert local_modules.is_local_file(path)


def module(name, file=None, path=None):
    made = types.ModuleType(name)
    if file:
        made.__file__ = file
    if path:
        made.__path__ = path
    return made


def test_the_whole_first_party_package_travels_once():
    loaded = {
        name: module(name, f"/home/u/{name.replace('.', '/')}.py")
        for name in ("pkg", "pkg.a", "pkg.b.c", "other", "ferryman.tasks")
    }
    loaded["pkg.b"] = module("pkg.b", "/home/u/pkg/b.py")
    assert [one.__name__ for one in local_modules.local_modules(loaded)] == ["other", "pkg"]


def test_a_namespace_package_is_found_by_its_folder():
    loaded = {"space": module("space", path=["/home/u/space"]), "json": sys.modules["json"]}
    assert [one.__name__ for one in local_modules.local_modules(loaded)] == ["space"]


PROGRAM = """
import pickle, subprocess, sys
from ferryman.local_modules import local_modules
from ferryman.portable import portable
from ferryman.wire.codecs import Code, seal_code


def late():
    from mine.parts import deep
    import json
    return json.dumps(deep.VALUE)


blob = seal_code(Code(portable(late)), by_value=local_modules()).body
reader = "import sys; from ferryman.wire.codecs import open_code; print(open_code(sys.stdin.buffer.read()).task())"
print(subprocess.run([sys.executable, "-P", "-c", reader], input=blob, cwd="/", capture_output=True, check=True).stdout.decode())
"""


def test_a_local_module_that_is_imported_in_the_body_travels(tmp_path):
    (tmp_path / "mine" / "parts").mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "parts" / "__init__.py").touch()
    (tmp_path / "mine" / "parts" / "deep.py").write_text("VALUE = 7\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "7", done.stderr
