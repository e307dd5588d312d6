"""Running a program that ends, and one that has to fetch something first."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path


class CommandFailed(Exception):
    """A program that had to succeed did not; the message has what it said."""


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What the program wrote to its standard output. Raises CommandFailed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise CommandFailed(f"{' '.join(words)}: exit code {done.returncode}\n{said}")
    return done.stdout


def persistently(act: Callable[[], object], *, pauses: tuple[float, ...] = (5, 20, 60)) -> None:
    """Do what needs a network, and again after each pause as long as it fails. Raises the last CommandFailed."""
    for pause in pauses:
        try:
            act()
        except CommandFailed as error:
            print(f"again in {pause:.0f} s: {error}", flush=True)
            time.sleep(pause)
        else:
            return
    act()
