"""The gateway, put together."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp

from services import __version__
from services.gateway.api import Forward, GatewayDoor, router
from services.gateway.service import Gateway
from services.gateway.service.surface import Surface
from services.gateway.settings import GatewaySettings
from services.gateway.workers import loops
from shared.app import Service, build
from shared.auth import KeyRing
from shared.client import Upstream
from shared.clock import Clock
from shared.db import Database

_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


def create(
    url: str, settings: GatewaySettings, keys: KeyRing, clock: Clock, *, upstreams: Mapping[str, Upstream]
) -> tuple[ASGIApp, Gateway]:
    """The app, and the use cases behind it for whoever hosts it."""
    db = Database(settings.database_url or url, "gateway")
    surface = Surface(__version__, {name: _document(upstream) for name, upstream in upstreams.items()})
    gateway = Gateway(db, settings, keys, clock, surface)
    door = GatewayDoor(keys, gateway, settings)

    async def close_upstreams() -> None:
        for upstream in upstreams.values():
            await upstream.close()

    def pages(app: Starlette, document: Callable[[], dict[str, Any]]) -> None:
        surface.own = document
        _pages(app, surface)

    service = Service(
        name="gateway",
        title="duijie gateway",
        router=router,
        door=door,
        use_cases=gateway,
        loops=loops(gateway),
        checks={
            "database": db.ping,
            **{name: _readiness(upstream) for name, upstream in upstreams.items()},
        },
        resources=[db.close, close_upstreams],
        inner=lambda app: Forward(app, surface, upstreams, door, keys),
        pages=pages,
    )
    return build(service), gateway


def _document(upstream: Upstream) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def fetch() -> dict[str, Any]:
        found: dict[str, Any] = await upstream.json("/openapi.json")
        return found

    return fetch


def _readiness(upstream: Upstream) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        await upstream.json("/readyz")

    return check


def _pages(app: Starlette, surface: Surface) -> None:
    """The merged document and its reader; the reader's scripts come from a package, not from the net."""
    spec = importlib.util.find_spec("fastapi_offline")
    assets = Path(spec.origin).parent / "static" if spec and spec.origin else None

    async def document(_: Any) -> Response:
        return JSONResponse(await surface.document())

    async def reader(_: Any) -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="duijie 对接",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        )

    async def root(_: Any) -> Response:
        return JSONResponse({"name": "duijie 对接", "docs": "/docs", "openapi": "/openapi.json", "ready": "/readyz"})

    app.add_route("/openapi.json", document)
    app.add_route("/docs", reader)
    app.add_route("/", root)
    for name in _ASSETS:
        if assets is not None and (assets / name).exists():
            app.add_route(f"/docs/{name}", _file(assets / name))


def _file(path: Path) -> Any:
    async def serve(_: Any) -> Response:
        return FileResponse(path, headers={"Cache-Control": "public, max-age=86400"})

    return serve
