"""Which endpoints may be talked to. Standard library only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from ferryman.exceptions import ConfigurationError


def require_safe(url: str | None, *, allow_http: bool = False) -> None:
    """Raises ConfigurationError for plain http beyond loopback: whoever listens could replace code."""
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"the store's endpoint is no http or https URL: {parts.scheme}://{parts.hostname}"
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"the store's endpoint http://{parts.hostname} is not encrypted: use https, or allow it"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
