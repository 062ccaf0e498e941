"""Matching, put together."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp

from services.matching.api import router
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from services.matching.workers import loops
from shared.app import Door, Service, build
from shared.auth import KeyRing
from shared.clients import CatalogClient
from shared.clock import Clock
from shared.db import Database


def create(
    url: str, settings: MatchingSettings, keys: KeyRing, clock: Clock, *, folder: Path, catalog: CatalogClient
) -> tuple[ASGIApp, Matching]:
    """The app, and the use cases behind it for whoever hosts it."""
    db = Database(settings.database_url or url, "matching")
    matching = Matching(db, settings, keys.secret, clock, folder=folder, catalog=catalog)
    service = Service(
        name="matching",
        title="duijie matching",
        router=router,
        door=Door(keys, "matching"),
        use_cases=matching,
        loops=loops(matching),
        checks={
            "database": db.ping,
            "index": matching.indexing.check,
            "index of needs": matching.demand.check,
            "vocabulary": matching.tuning.check,
        },
        resources=[db.close, catalog.close, matching.indexing.close, matching.demand.close],
        started=matching.connect,
    )
    return build(service), matching
