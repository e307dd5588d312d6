"""Pod logs: what a client asks for, and who answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from ferryman.dev.apiserver.errors import BadRequest
from ferryman.dev.apiserver.resources import Object


@dataclass(frozen=True, slots=True)
class LogRequest:
    """The query of /log. `container` is "" where the client named none; None means no limit."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> LogRequest:
        """From a query. Raises BadRequest."""
        try:
            numbers = [
                int(query[key]) if query.get(key) else None
                for key in ("tailLines", "limitBytes", "sinceSeconds")
            ]
        except ValueError:
            raise BadRequest("tailLines, limitBytes and sinceSeconds must be numbers") from None
        flags = [query.get(key) in {"true", "1"} for key in ("follow", "previous", "timestamps")]
        return cls(query.get("container", ""), *flags, *numbers)


LogReader = Callable[[Object, LogRequest], AsyncIterator[bytes]]
"""(pod, request) -> the log, in pieces; may raise an ApiError before the first one."""
