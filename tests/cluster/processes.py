"""Starting and stopping the cluster's daemons.

A process is known by a variable in its environment, not by a file with its number: that is true also after
the run that started it was killed, and never of somebody else's process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.paths import LOGS

MARK = "FERRYMAN_CLUSTER_PART"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Process:
    """A daemon: how it is started and how it is seen to work."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    may_end: int = 0
    """How often it may end before it is ready; it is then started again."""


class DidNotStart(Exception):
    """A daemon ended, or did not become ready; the message has the end of its log."""


def start(process: Process, *, patience: float = 120) -> None:
    """Start it, unless it runs, and wait until it is ready."""
    LOGS.mkdir(parents=True, exist_ok=True)
    if not pids(process):
        _spawn(process)
    deadline, ended = time.monotonic() + patience, 0
    while True:
        # In this order: another server may answer at the address that this one could not get.
        well = process.ready()
        if not pids(process):
            if ended == process.may_end:
                raise DidNotStart(f"{process.name} ended:\n{_end_of_log(process)}")
            ended += 1
            _spawn(process)
            continue
        if well:
            return
        if time.monotonic() > deadline:
            raise DidNotStart(f"{process.name} is not ready after {patience:.0f} s:\n{_end_of_log(process)}")
        time.sleep(0.05)


def stop(process: Process, *, kill: bool = False) -> None:
    """End it and wait for its end; with `kill`, without a chance to tidy up."""
    end(pids(process), signal.SIGKILL if kill else signal.SIGTERM)


def end(found: list[int], first: signal.Signals = signal.SIGTERM, *, patience: float = 20) -> None:
    """Send each process a signal, and after `patience` seconds SIGKILL; return when they are gone."""
    for number, seconds in ((first, patience), (signal.SIGKILL, 20.0)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while found and time.monotonic() < deadline:
            found = [pid for pid in found if _lives(pid)]
            time.sleep(0.02)
    if found:
        raise RuntimeError(f"processes {found} survived SIGKILL")


def pids(process: Process) -> list[int]:
    """Its process, if it runs. What it started itself inherits the mark, but is another program."""
    program = os.path.realpath(process.command[0])
    return [pid for pid, name in marked() if name == process.name and _program(pid) == program]


def marked() -> Iterator[tuple[int, str]]:
    """Every process of the cluster that is no container, and the daemon that it belongs to.

    Of this network namespace: another one may have a cluster of its own.
    """
    here = os.readlink("/proc/self/ns/net")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if os.readlink(entry / "ns" / "net") != here:
                continue
            variables = (entry / "environ").read_bytes().split(b"\0")
            for variable in variables:
                name, _, value = variable.partition(b"=")
                if name == MARK.encode():
                    yield int(entry.name), value.decode()


def answers(url: str) -> bool:
    """Whether there is a server that says that it is well."""
    # Only liveness is asked for, and of addresses of this machine.
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=unverified) as reply:
            return reply.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _spawn(process: Process) -> None:
    env = {"PATH": PATH, "HOME": "/root", **process.env, MARK: process.name}
    log = os.open(LOGS / f"{process.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_DUP2, log, n) for n in (1, 2)),
    ]
    try:
        pid = os.posix_spawn(process.command[0], process.command, env, file_actions=actions, setsid=True)
    finally:
        os.close(log)
    # posix_spawn returns as soon as the program is being loaded, a moment before it has its environment.
    while _lives(pid) and pid not in pids(process):
        time.sleep(0.001)


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def _end_of_log(process: Process) -> str:
    return "\n".join((LOGS / f"{process.name}.log").read_text(errors="replace").splitlines()[-20:])
