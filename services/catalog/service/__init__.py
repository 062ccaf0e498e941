"""Catalog's use cases: load, decide, write, announce."""

from __future__ import annotations

from services.catalog import models
from services.catalog.service.exports import Exports
from services.catalog.service.imports import Imports
from services.catalog.service.listings import Listings
from services.catalog.service.patents import Patents
from services.catalog.service.reference import Reference
from services.catalog.service.sample import Sample
from services.catalog.settings import CatalogSettings
from shared import feed
from shared.clock import Clock
from shared.contracts.feed import FeedPage
from shared.db import Database
from shared.idempotency import Idempotency
from shared.paging import Cursors


class Catalog:
    """Everything that catalog does, by subject."""

    def __init__(self, db: Database, settings: CatalogSettings, secret: bytes, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.acts, cursors = Idempotency(models.acts, secret), Cursors(secret)
        self.listings = Listings(db, settings, self.acts, cursors, clock)
        self.reference = Reference(db, self.listings, self.acts, clock)
        self.patents = Patents(db, self.listings, self.acts, cursors, clock)
        self.imports = Imports(db, settings, self.listings, self.patents, self.reference, self.acts, cursors, clock)
        self.exports = Exports(self.patents, clock)
        self.sample = Sample(db, self.listings, clock)

    async def changes(self, after: int, limit: int, wait_s: float) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)
