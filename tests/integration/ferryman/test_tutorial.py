"""The tutorial and the README, as a reader pastes them: blocks run in order, and print what the page says."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text())
FILE = re.compile(r"# (\w+\.py)\n")
BOUND = 300

PASTE = """
import contextlib, io, json, linecache, sys

# As an interactive interpreter does it: block by block in the namespace of `__main__`.
for number, source in enumerate(json.load(sys.stdin)):
    name = f"<tutorial-{number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, name, "exec"), sys.modules["__main__"].__dict__)
    print(json.dumps(printed.getvalue()), flush=True)
"""

pytestmark = pytest.mark.timeout(BOUND + 30)


def said() -> list[tuple[str, str]]:
    """Every block that is pasted, and the output that the page shows after it."""
    following = [*BLOCKS[1:], ("", "")]
    return [
        (text, after if kind == "text" else "")
        for (language, text), (kind, after) in zip(BLOCKS, following, strict=True)
        if language == "python" and not FILE.match(text)
    ]


@pytest.fixture
def environment(in_cluster, namespace):
    return in_cluster.client_environment(os.environ) | {"FERRYMAN_NAMESPACE": namespace}


@pytest.fixture
def files(tmp_path):
    """A folder with the files that the reader has been told to make."""
    for language, text in BLOCKS:
        if language == "python" and (named := FILE.match(text)):
            (tmp_path / named[1]).write_text(text)
    return tmp_path


@pytest.fixture
def workers(environment, files):
    """What the reader starts in the third terminal."""
    commands = re.findall(r"^\$ ferryman (serve .*)$", "".join(text for _, text in BLOCKS), re.MULTILINE)
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "ferryman", *command.split()],
            env=environment,
            cwd=files,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    yield started
    for worker in started:
        worker.terminate()
        worker.wait()


@pytest.fixture
def paste(environment, files):
    """Pastes blocks into one interpreter; what each printed."""

    def paste(blocks: list[str]) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", PASTE],
            input=json.dumps(blocks),
            env=environment,
            cwd=files,
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return paste


def test_the_tutorial_prints_what_it_says(paste, workers):
    assert len(workers) == 1
    same = doctest.OutputChecker().check_output
    printed = paste([block for block, _ in said()])
    wrong = [
        (wanted, got)
        for (_, wanted), got in zip(said(), printed, strict=True)
        if not same(wanted.rstrip(), got.rstrip(), doctest.ELLIPSIS)
    ]
    assert wrong == []


def test_the_readme_works_as_it_is_pasted(paste):
    blocks = [
        text for language, text in BLOCK.findall((ROOT / "README.md").read_text()) if language == "python"
    ]
    first, second = paste(blocks)
    assert [size < 100 for size in json.loads(first)] == [True, True]
    assert second.splitlines()[0] == "Sales: 24"
    assert second.splitlines()[1].startswith("Again: 24 Completed(")
