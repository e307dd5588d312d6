"""What mypy and pyright say about tests/typed_api/api.py: its `# error` lines, and no others."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

API = Path(__file__).parents[2] / "typed_api" / "api.py"
MARKED = {number for number, line in enumerate(API.read_text().splitlines(), 1) if line.endswith("# error")}


def test_mypy_refuses_exactly_the_marked_lines(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        f"--cache-dir={tmp_path}",
        "--no-incremental",
        API.name,
    ]
    done = subprocess.run(command, cwd=API.parent, capture_output=True, text=True, check=False)
    assert {
        int(number) for number in re.findall(r"^api\.py:(\d+): error", done.stdout, re.MULTILINE)
    } == MARKED, done.stdout


def test_pyright_refuses_exactly_the_marked_lines():
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, API.name]
    environ = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, cwd=API.parent, env=environ, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("{"), done.stderr
    found = [one for one in json.loads(done.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    assert {one["range"]["start"]["line"] + 1 for one in found} == MARKED, done.stdout
