"""The log of a container: written line by line with the time of each, read whole, in part, or as it grows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Final

from ferryman.dev.apiserver import moments

MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_LINE_BYTES: Final = 64 * 1024
_FOLLOW_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What of a log to read; the parameters of the API's `/log`."""

    follow: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: datetime | None = None


class LogWriter:
    """Appends what a process prints to the log's file: one record per line, `<time> <line>`."""

    def __init__(self, path: Path) -> None:
        self._file: BufferedWriter = path.open("ab")
        self._rest = b""
        self._room = MAX_BYTES

    def write(self, chunk: bytes) -> None:
        """Append the lines that `chunk` ends; the rest waits for its end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._append(lines)

    def close(self) -> None:
        """Append what has no line end yet, and close the file."""
        if self._rest:
            self._append([self._rest])
        self._file.close()

    def _append(self, lines: list[bytes]) -> None:
        if self._room <= 0:
            return
        stamp = moments.render_micro(moments.now()).encode()
        records = b"".join(stamp + b" " + line + b"\n" for line in lines)
        self._room -= len(records)
        if self._room <= 0:
            records = stamp + f" [log cut here: it is larger than {MAX_BYTES} bytes]\n".encode()
        self._file.write(records)
        self._file.flush()


async def read(path: Path, options: Options, is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The lines of the log with their line ends; with `follow`, until `is_over()`."""
    if not path.exists():  # noqa: ASYNC240  # A local file, read in small pieces.
        return
    room = options.limit_bytes if options.limit_bytes is not None else float("inf")
    with path.open("rb") as file:
        async for record in _records(file, options, is_over):
            line = record if options.timestamps else record.split(b" ", 1)[1]
            yield line[: int(min(room, len(line)))]
            room -= len(line)
            if room <= 0:
                return


def tail(path: Path, *, lines: int, limit: int) -> str:
    """The last `lines` lines, at most `limit` bytes of them, without their times."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        last = deque(file, maxlen=lines)
    return b"".join(one.split(b" ", 1)[1] for one in last)[-limit:].decode(errors="replace")


async def _records(
    file: BufferedReader, options: Options, is_over: Callable[[], bool]
) -> AsyncIterator[bytes]:
    present = deque((one for one in _whole_lines(file) if _is_recent(one, options.since)), options.tail_lines)
    for record in present:
        yield record
    while options.follow:
        # Asked before the last look, so that lines written before the end are not missed.
        over = is_over()
        for record in _whole_lines(file):
            yield record
        if over:
            return
        await asyncio.sleep(_FOLLOW_SECONDS)


def _whole_lines(file: BufferedReader) -> deque[bytes]:
    found: deque[bytes] = deque()
    while True:
        position = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(position)
            return found
        found.append(line)


def _is_recent(record: bytes, since: datetime | None) -> bool:
    return since is None or moments.parse(record.split(b" ", 1)[0].decode()) >= since
