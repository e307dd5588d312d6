"""A server as a child process: started, waited for until it is ready, ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from ferryman.dev.processes.reaper import Reaper
from ferryman.exceptions import FerrymanError

T = TypeVar("T")

READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 10.0
_TAIL_LINES: Final = 15


class ChildFailed(FerrymanError):
    """A part of the embedded cluster did not start."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `name` is for messages."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """A process in a session of its own, so that a Ctrl-C in the terminal is not for it."""

    def __init__(self, command: Command, reaper: Reaper) -> None:
        self._command = command
        self._reaper = reaper
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                command.arguments,
                env=dict(command.environment),
                cwd=command.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        reaper.add(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self, probe: Callable[[], T | None], seconds: float = READY_SECONDS) -> T:
        """What `probe` returns, as soon as that is not None. Raises ChildFailed with the end of its log."""
        deadline = time.monotonic() + seconds
        while True:
            if (found := probe()) is not None:
                return found
            if not self.is_alive:
                raise self._failure(f"ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {seconds:g} seconds")
            time.sleep(_POLL_SECONDS)

    def read_log(self) -> str:
        """Everything it has printed."""
        return self._command.log.read_text(errors="replace")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._process.kill()
        self._ended()

    def _ended(self) -> None:
        self._process.wait()
        self._reaper.forget(self.pid)

    def _failure(self, what: str) -> ChildFailed:
        with self._command.log.open(errors="replace") as file:
            tail = "".join(deque(file, maxlen=_TAIL_LINES)).rstrip() or "(nothing)"
        return ChildFailed(f"the {self._command.name} {what}; its last words:\n{tail}")
