"""Paths that are not about objects: discovery, OpenAPI, health, version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from ferryman.dev.apiserver import discovery, openapi
from ferryman.dev.apiserver.errors import ApiError
from ferryman.dev.apiserver.resources import Registry

_OPENAPI_IN_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2"


class StaticRoutes:
    """Documents made from the registry, kept until it changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._cache: dict[str, tuple[int, Any]] = {}

    def register(self, application: web.Application) -> None:
        """Add the routes; before those of resources, whose pattern is wider."""
        routes: dict[str, Callable[[web.Request], Any]] = {
            "/version": lambda _: discovery.VERSION,
            "/api": lambda _: discovery.core_versions(),
            "/api/v1": lambda _: discovery.resources("", "v1", self._registry),
            "/apis": lambda _: discovery.groups(self._registry),
            "/apis/{group}": lambda request: discovery.group(request.match_info["group"], self._registry),
            "/apis/{group}/{version}": self._resources,
            "/openapi/v2": lambda _: openapi.swagger(self._registry),
            "/openapi/v3": lambda _: openapi.index(self._registry),
            "/openapi/v3/api/{version}": self._document,
            "/openapi/v3/apis/{group}/{version}": self._document,
        }
        for path, make in routes.items():
            for variant in (path, f"{path}/"):
                application.router.add_get(variant, self._handler(make))
        for path in ("/healthz", "/livez", "/readyz"):
            application.router.add_get(path, _healthy)

    def _handler(self, make: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            if _OPENAPI_IN_PROTOBUF in request.headers.get("Accept", ""):
                # An empty document. kubectl looks into it for kinds that the others do not have.
                return web.Response(content_type=f"{_OPENAPI_IN_PROTOBUF}.v1.0+protobuf")
            try:
                return web.json_response(self._cached(request.path, lambda: make(request)))
            except ApiError as error:
                return web.json_response(error.as_status(), status=error.code)

        return answer

    def _cached(self, path: str, make: Callable[[], Any]) -> Any:
        revision, known = self._cache.get(path, (-1, None))
        if revision == self._registry.revision:
            return known
        made = make()
        self._cache[path] = (self._registry.revision, made)
        return made

    def _resources(self, request: web.Request) -> Any:
        return discovery.resources(request.match_info["group"], request.match_info["version"], self._registry)

    def _document(self, request: web.Request) -> Any:
        return openapi.document(
            self._registry, request.match_info.get("group", ""), request.match_info["version"]
        )


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")
