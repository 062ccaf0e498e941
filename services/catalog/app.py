"""Catalog, put together."""

from __future__ import annotations

from starlette.types import ASGIApp

from services.catalog.api import router
from services.catalog.service import Catalog
from services.catalog.settings import CatalogSettings
from services.catalog.workers import loops
from shared.app import Door, Service, build
from shared.auth import KeyRing
from shared.clients import LicensingClient, MatchingClient, OversightClient, RegisterClient
from shared.clock import Clock
from shared.db import Database


def create(
    url: str,
    settings: CatalogSettings,
    keys: KeyRing,
    clock: Clock,
    *,
    matching: MatchingClient,
    documents: RegisterClient,
    licensing: LicensingClient,
    oversight: OversightClient,
) -> tuple[ASGIApp, Catalog]:
    """The app, and the use cases behind it for whoever hosts it."""
    db = Database(settings.database_url or url, "catalog")
    catalog = Catalog(
        db,
        settings,
        keys.secret,
        clock,
        matching=matching,
        documents=documents,
        licensing=licensing,
        oversight=oversight,
    )
    service = Service(
        name="catalog",
        title="duijie catalog",
        router=router,
        door=Door(keys, "catalog"),
        use_cases=catalog,
        loops=loops(catalog),
        checks={"database": db.ping},
        resources=[db.close, matching.close, documents.close, licensing.close, oversight.close],
        started=catalog.reference.ship,
    )
    return build(service), catalog
