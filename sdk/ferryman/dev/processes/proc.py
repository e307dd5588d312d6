"""Processes and their descendants, read from /proc: who they are, what memory they use, ending them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> tuple[int, ...]:
    """`pid` and its living descendants, in whatever session they are."""
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue.extend(_children(one))
    return tuple(found)


def anonymous_memory(pids: Iterable[int]) -> int:
    """Bytes of memory that the processes hold for themselves.

    Pages of files are left out, as they can be given back; pages that a child shares with the
    process that forked it count twice.
    """
    return sum(_anonymous(pid) for pid in pids)


def kill(pid: int) -> None:
    """SIGKILL `pid`, its process group and all its descendants; no matter if they are gone already."""
    victims = tree(pid)
    kill_group(pid)
    for victim in victims:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(victim, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """SIGKILL the process group that `pid` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether it exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                yield from map(int, (thread / "children").read_text().split())


def _anonymous(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE
