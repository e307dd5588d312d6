"""Which endpoints a store may have. Standard library only."""

from __future__ import annotations

import re
from typing import Final

# Not urllib.parse and ipaddress, which cost a runner 4 ms. There is no room in it for user:password@.
_URL: Final = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[^@]*)?")
_LOOPBACK: Final = re.compile(r"127(?:\.[0-9]{1,3}){3}|\[::1\]|(?:[a-z0-9-]+\.)*localhost")


def problem(url: str | None, *, allow_http: bool = False) -> str:
    """What is wrong with the endpoint and what to do; "" if nothing is. None is the provider's own.

    Plain http beyond loopback has to be allowed: whoever listens could replace code.
    """
    if url is None:
        return ""
    parts = _URL.fullmatch(url)
    if parts is None:
        return "the store's endpoint is not of the form https://host:port"
    if parts[1] == "http" and not allow_http and not is_loopback(parts[2]):
        return (
            f"the store's endpoint http://{parts[2]} is not encrypted: use https, or accept that code and "
            "results can be read and replaced on the way, with the store's allowHttp: true "
            "(FERRYMAN_STORE_ALLOW_HTTP=1 in the environment of a client)"
        )
    return ""


def is_loopback(host: str) -> bool:
    """Whether a host in a URL means this machine."""
    return _LOOPBACK.fullmatch(host.lower()) is not None
