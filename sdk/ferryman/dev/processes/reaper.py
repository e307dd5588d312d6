"""Ends what an embedded cluster started, should the cluster's own process die without doing so.

Runs as a process beside it, in a session of its own. It reads `+PID` and `-PID` lines; the end of
its input means that the writer is gone, however it went. It then kills every process that
is still listed, with its descendants, and removes the cluster's directory.

That way starting a process stays cheap: PR_SET_PDEATHSIG would need code between fork and exec,
which costs posix_spawn, and it is lost as soon as the thread that forked ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from ferryman.dev.processes import proc


class Reaper:
    """The handle on a reaper process. Use it as a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def add(self, pid: int) -> None:
        """`pid` has been started."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """`pid` has ended."""
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # Below PIPE_BUF a write is atomic; a reaper that somebody killed must not end the cluster.
        try:
            os.write(self._process.stdin.fileno(), line.encode())
        except BrokenPipeError:
            return


def main(directory: Path) -> None:
    """Read lines until there are no more; then end and remove what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    listed: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        (listed.add if line[0] == "+" else listed.discard)(pid)
    for pid in listed:
        proc.kill(pid)
    shutil.rmtree(directory, ignore_errors=True)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Ctrl-C is for the cluster: the reaper ends when it has."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
