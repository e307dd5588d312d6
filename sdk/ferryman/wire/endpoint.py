"""Which endpoints may be talked to. Standard library only."""

from __future__ import annotations

from ferryman.api import endpoints
from ferryman.exceptions import ConfigurationError


def require_safe(url: str | None, *, allow_http: bool = False) -> None:
    """Raises ConfigurationError for plain http beyond loopback unless it is allowed, and for what is no URL."""
    problem = endpoints.problem(url, allow_http=allow_http)
    if problem:
        raise ConfigurationError(problem)
