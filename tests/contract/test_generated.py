"""What is generated is generated: `make generate` leaves a clean tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_generated_file_is_up_to_date():
    """Run `make generate` where this fails, and commit what it wrote."""
    check = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (check.stdout, check.returncode) == ("", 0), check.stderr
