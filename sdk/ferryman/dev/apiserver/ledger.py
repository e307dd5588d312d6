"""Every write that came over HTTP, as an audit log would have it: tests count writes with it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

LIMIT: Final = 200_000


@dataclass(frozen=True, slots=True)
class Write:
    """One write request. `time_us` is microseconds since the epoch, taken when the answer was ready."""

    time_us: int
    verb: str
    resource: str
    """`jobs.batch`, `taskruns.ferryman.dev/status`."""
    namespace: str
    name: str
    user_agent: str
    field_manager: str
    code: int


class Ledger:
    """The writes so far, oldest first."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._writes: deque[Write] = deque(maxlen=limit)

    def record(
        self, *, verb: str, resource: str, namespace: str, name: str, agent: str, manager: str, code: int
    ) -> None:
        """Add a write, dated now."""
        moment = time.time_ns() // 1000
        self._writes.append(Write(moment, verb, resource, namespace, name, agent, manager, code))

    def writes(self, *, agent: str = "", resource: str = "", succeeded: bool | None = None) -> list[Write]:
        """The writes whose user agent or field manager contains `agent`, of one resource, of one outcome."""
        return [
            write
            for write in self._writes
            if (agent in write.user_agent or agent in write.field_manager)
            and (not resource or write.resource == resource)
            and (succeeded is None or (write.code < 400) == succeeded)
        ]

    def clear(self) -> None:
        """Forget them."""
        self._writes.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """For `/ledger`."""
        return [asdict(write) for write in self._writes]
