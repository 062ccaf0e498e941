"""Oversight, put together."""

from __future__ import annotations

from starlette.types import ASGIApp

from services.oversight.api import router
from services.oversight.service import Oversight
from services.oversight.settings import OversightSettings
from services.oversight.workers import loops
from shared.app import Door, Service, build
from shared.auth import KeyRing
from shared.clients import RegisterClient
from shared.clock import Clock
from shared.db import Database


def create(
    url: str, settings: OversightSettings, keys: KeyRing, clock: Clock, *, register: RegisterClient
) -> tuple[ASGIApp, Oversight]:
    """The app, and the use cases behind it for whoever hosts it."""
    db = Database(settings.database_url or url, "oversight")
    oversight = Oversight(db, keys.secret, clock, register=register)
    service = Service(
        name="oversight",
        title="duijie oversight",
        router=router,
        door=Door(keys, "oversight"),
        use_cases=oversight,
        loops=loops(oversight),
        checks={"database": db.ping},
        resources=[db.close, register.close],
    )
    return build(service), oversight
