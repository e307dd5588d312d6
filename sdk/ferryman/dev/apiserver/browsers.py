"""Keeps web pages out: a server on loopback without authentication is within reach of every open tab.

Browsers say where a request comes from (`Origin`), and a name that an attacker's DNS points at 127.0.0.1
shows in `Host`. Kubernetes clients send no `Origin`, and name the loopback address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

from ferryman.dev.apiserver.errors import Forbidden

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refuse_browsers(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """403 for what a web page sent, and for a Host that is not loopback."""
    if "Origin" in request.headers or not _is_loopback(request.host):
        error = Forbidden("the embedded API server answers no web pages, and only under a loopback address")
        return web.json_response(error.as_status(), status=error.code)
    return await handler(request)


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
