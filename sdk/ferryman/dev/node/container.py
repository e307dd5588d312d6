"""One container of a pod as a local process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ferryman.api.runner_contract import MAX_REPORT_BYTES
from ferryman.dev.apiserver import moments
from ferryman.dev.node import logs
from ferryman.dev.node.pod_status import Exit
from ferryman.dev.processes import proc
from ferryman.dev.processes.reaper import Reaper

_START_ERROR: Final = 128
_SIGKILLED: Final = 137
_LOG_TAIL_LINES: Final = 80
_LOG_TAIL_BYTES: Final = 2048
_DRAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a container: everything is decided, nothing is looked up any more.

    `memory_limit` is in bytes. `fallback_to_logs` is `terminationMessagePolicy: FallbackToLogsOnError`.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    report: Path
    memory_limit: int | None = None
    fallback_to_logs: bool = False


class StartError(Exception):
    """The command could not be executed: exit code 128, as a container runtime reports it."""


class Container:
    """A process that has been started. `wait` must be awaited."""

    def __init__(self, launch: Launch, process: asyncio.subprocess.Process, reaper: Reaper) -> None:
        self._launch = launch
        self._process = process
        self._reaper = reaper
        self._out_of_memory = False
        self.started = moments.now()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def memory_limit(self) -> int | None:
        return self._launch.memory_limit

    def check_memory(self) -> None:
        """Kill it if it uses more memory than it may."""
        limit = self._launch.memory_limit
        if limit is not None and proc.anonymous_memory(proc.tree(self.pid)) > limit:
            self._out_of_memory = True
            self.kill()

    def terminate(self) -> None:
        """SIGTERM to the process itself; as in a container, telling its children is its affair."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to everything it started."""
        if self._process.returncode is None:
            proc.kill(self.pid)

    async def wait(self) -> Exit:
        """How it ended, once it has; its whole process group is gone then, its log complete."""
        copying = asyncio.create_task(self._copy_output())
        code = await self._process.wait()
        # What is left of the group would live on without its container; here it does not.
        proc.kill_group(self.pid)
        self._reaper.forget(self.pid)
        # A grandchild in a session of its own may hold the pipe open; it cannot hold up the pod.
        await asyncio.wait([copying], timeout=_DRAIN_SECONDS)
        if not copying.done():
            copying.cancel()
            await asyncio.wait([copying])
        return self._exit(code if code >= 0 else 128 - code)

    async def _copy_output(self) -> None:
        assert self._process.stdout is not None
        writer = logs.LogWriter(self._launch.log)
        try:
            while chunk := await self._process.stdout.read(65536):
                writer.write(chunk)
        finally:
            writer.close()

    def _exit(self, code: int) -> Exit:
        if self._out_of_memory:
            return Exit(_SIGKILLED, "OOMKilled", self._message(_SIGKILLED), self.started, moments.now())
        reason = "Completed" if code == 0 else "Error"
        return Exit(code, reason, self._message(code), self.started, moments.now())

    def _message(self, code: int) -> str:
        with contextlib.suppress(FileNotFoundError), self._launch.report.open("rb") as file:
            if message := file.read(MAX_REPORT_BYTES).decode(errors="replace"):
                return message
        if code == 0 or not self._launch.fallback_to_logs:
            return ""
        return logs.tail(self._launch.log, lines=_LOG_TAIL_LINES, limit=_LOG_TAIL_BYTES)


async def start(launch: Launch, reaper: Reaper) -> Container:
    """Start it, in a session of its own. Raises StartError."""
    launch.log.touch()
    try:
        process = await asyncio.create_subprocess_exec(
            *_local(launch.command, launch.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(launch.environment),
            cwd=launch.directory,
            start_new_session=True,
        )
    except OSError as error:
        raise StartError(f"exec: {launch.command[0]!r}: {error.strerror}") from None
    reaper.add(process.pid)
    return Container(launch, process, reaper)


def never_started(why: StartError) -> Exit:
    """The end of a container whose command could not be executed."""
    now = moments.now()
    return Exit(_START_ERROR, "StartError", str(why), now, now)


def _local(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command with the image's Python replaced by this one: the laptop is the image."""
    program, *arguments = command
    if program in ("python", "python3"):
        return [sys.executable, *arguments]
    # Looked up here, as execvp would use the PATH of this process and not the container's.
    return [shutil.which(program, path=environment.get("PATH")) or program, *arguments]
