"""The API server's audit log: every request of a namespace, with the bodies of writes of TaskRuns and Jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import processes

VARIABLE = "FERRYMAN_TEST_AUDIT_LOG"
"""Names the file, where the cluster is not that of `make cluster`."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class AuditLog:
    """What was written of it from a moment on."""

    path: Path
    offset: int = 0

    def from_now_on(self) -> AuditLog:
        return AuditLog(self.path, self.path.stat().st_size)

    def of(self, namespace: str) -> list[Entry]:
        """What was asked of a namespace so far, in the order in which it was answered."""
        # Cheap before dear: most lines are of others.
        mark = f'"namespace":"{namespace}"'.encode()
        entries = [json.loads(line) for line in self._lines() if mark in line]
        ours = [one for one in entries if one.get("objectRef", {}).get("namespace") == namespace]
        return sorted(ours, key=lambda entry: entry["stageTimestamp"])

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as log:
            log.seek(self.offset)
            for line in log:
                if line.endswith(b"\n"):  # The last one may be half written.
                    yield line


def find() -> AuditLog | None:
    """The log of the cluster of the tests, if it is a file of this machine."""
    if named := os.environ.get(VARIABLE):
        return AuditLog(Path(named))
    for pid, part in processes.marked():
        if part == "kube-apiserver":
            for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                name, _, value = word.decode().partition("=")
                if name == "--audit-log-path":
                    return AuditLog(Path(value))
    return None


def succeeded(entry: Entry, verb: str, resource: str, subresource: str = "") -> bool:
    """Whether it is such a request, and was carried out."""
    what = entry["objectRef"]
    return (
        entry["verb"] == verb
        and what["resource"] == resource
        and what.get("subresource", "") == subresource
        and 200 <= entry.get("responseStatus", {}).get("code", 0) < 300
        and "dryRun" not in entry["requestURI"]
    )
