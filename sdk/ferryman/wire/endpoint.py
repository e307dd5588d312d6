"""Which endpoints may be talked to. Standard library only."""

from __future__ import annotations

from ferryman.api import endpoints
from ferryman.exceptions import ConfigurationError


def require_safe(url: str | None, *, allow_http: bool = False) -> None:
    """Raises ConfigurationError for what is no URL, and for plain http beyond loopback unless allowed."""
    problem = endpoints.problem(url, allow_http=allow_http)
    if problem:
        raise ConfigurationError(problem)
