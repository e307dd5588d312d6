"""The API server's audit log: who asked for what and when, to the microsecond.

An object's own timestamps have whole seconds, so nothing is ever timed by them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """A request about an object. Times are seconds since 1970."""

    verb: str
    resource: str
    """With its subresource: `taskruns/status`."""
    namespace: str
    name: str
    user: str
    code: int
    received: float
    answered: float

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES

    @property
    def succeeded(self) -> bool:
        return 200 <= self.code < 300


@dataclass(frozen=True)
class Mark:
    """A place in the log, which is still that place after the file was rotated."""

    inode: int
    offset: int


class AuditLog:
    """The file that the API server writes, and its predecessors beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> Mark:
        """The end, as it is now."""
        found = self._path.stat()
        return Mark(found.st_ino, found.st_size)

    def since(self, mark: Mark) -> list[Request]:
        """Every request that was answered after the mark, in the order of the log."""
        return list(parse(line for file, offset in self._files(mark) for line in _lines(file, offset)))

    def _files(self, mark: Mark) -> list[tuple[Path, int]]:
        # A rotated file is called audit-<time>.log, so that names sort by age; the current one comes last.
        rotated = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"))
        files = [*rotated, self._path]
        inodes = [os.stat(file).st_ino for file in files]
        if mark.inode not in inodes:
            raise FileNotFoundError(f"{self._path}: the file of the mark is gone")
        first = inodes.index(mark.inode)
        return [(file, mark.offset if file is files[first] else 0) for file in files[first:]]


def parse(lines: Iterable[str]) -> Iterator[Request]:
    """The requests in the log's lines; those that are about no object are left out, as is half a line."""
    for line in lines:
        if line.endswith("\n") and '"objectRef"' in line:
            yield _request(json.loads(line))


def finished(requests: Iterable[Request], resource: str) -> dict[str, float]:
    """When each object of a resource had its last status written, by name.

    The status that ends a Job or a TaskRun is the last one that is written to it.
    """
    status = f"{resource}/status"
    return {one.name: one.answered for one in requests if one.resource == status and one.succeeded}


def created(requests: Iterable[Request], resource: str) -> dict[str, float]:
    """When the request was received that created each object of a resource, by name."""
    return {
        one.name: one.received
        for one in requests
        if one.resource == resource and one.verb == "create" and one.succeeded
    }


def _request(event: dict) -> Request:
    about = event["objectRef"]
    parts = (about.get("resource", ""), about.get("subresource", ""))
    return Request(
        verb=event["verb"],
        resource="/".join(filter(None, parts)),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        user=event["user"].get("username", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _lines(file: Path, offset: int) -> Iterator[str]:
    with file.open(encoding="utf-8") as stream:
        stream.seek(offset)
        yield from stream
