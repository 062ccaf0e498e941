"""Licensing, put together."""

from __future__ import annotations

from starlette.types import ASGIApp

from services.licensing.api import router
from services.licensing.service import Licensing
from services.licensing.settings import LicensingSettings
from services.licensing.workers import loops
from shared.app import Door, Service, build
from shared.auth import KeyRing
from shared.clients import CatalogClient, OversightClient, RegisterClient
from shared.clock import Clock
from shared.db import Database


def create(
    url: str,
    settings: LicensingSettings,
    keys: KeyRing,
    clock: Clock,
    *,
    catalog: CatalogClient,
    register: RegisterClient,
    oversight: OversightClient,
) -> tuple[ASGIApp, Licensing]:
    """The app, and the use cases behind it for whoever hosts it."""
    db = Database(settings.database_url or url, "licensing")
    licensing = Licensing(db, keys.secret, clock, catalog=catalog, register=register, oversight=oversight)
    service = Service(
        name="licensing",
        title="duijie licensing",
        router=router,
        door=Door(keys, "licensing"),
        use_cases=licensing,
        loops=loops(licensing),
        checks={"database": db.ping},
        resources=[db.close, catalog.close, register.close, oversight.close],
    )
    return build(service), licensing
