"""A stock kubectl that talks to a server of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

NEEDS_KUBECTL = [
    pytest.mark.kubectl,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs a stock kubectl on the PATH"),
]
PATIENCE = 60


@dataclass(frozen=True)
class Kubectl:
    """Call it with the arguments of a command. `home` is where it keeps what it has discovered."""

    kubeconfig: Path
    home: Path
    namespace: str = "default"

    def __call__(self, *arguments: str, stdin: dict[str, Any] | None = None) -> str:
        """What a command that succeeds prints."""
        done = self._run(arguments, stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str, stdin: dict[str, Any] | None = None) -> str:
        """What a command that fails says of it."""
        done = self._run(arguments, stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    @contextmanager
    def following(self, *arguments: str) -> Iterator[Iterator[str]]:
        """The lines of a command that goes on, as they come; it ends with the block."""
        command = self._command(arguments)
        with subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield iter(process.stdout)
            finally:
                process.terminate()

    def _run(self, arguments: tuple[str, ...], stdin: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(arguments),
            env=self._environment,
            input=None if stdin is None else yaml.safe_dump(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE + 40,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return ["kubectl", "--namespace", self.namespace, *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home)}
