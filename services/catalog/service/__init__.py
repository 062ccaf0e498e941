"""Catalog's use cases: load, decide, write, announce."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalog import models
from services.catalog.service.balance import Balance
from services.catalog.service.collections import Collections
from services.catalog.service.consents import Consents
from services.catalog.service.deals import Deals
from services.catalog.service.events import Events
from services.catalog.service.evidence import Evidence
from services.catalog.service.exports import Exports
from services.catalog.service.importing import Importing
from services.catalog.service.imports import Imports
from services.catalog.service.inventory import Inventories
from services.catalog.service.listings import Listings
from services.catalog.service.mergers import Mergers
from services.catalog.service.offers import Offers
from services.catalog.service.patents import Patents
from services.catalog.service.record import Record
from services.catalog.service.reference import Reference
from services.catalog.service.restrictions import Restrictions
from services.catalog.service.sample import Sample
from services.catalog.service.screening import Screenings
from services.catalog.service.writer import Writer
from services.catalog.settings import CatalogSettings
from shared import feed
from shared.clients import LicensingClient, MatchingClient, OversightClient, RegisterClient
from shared.clock import Clock
from shared.contracts.feed import FeedPage
from shared.db import Database
from shared.idempotency import Idempotency
from shared.paging import Cursors


class Holdings:
    """Patents, their logs and their listings: what every process of catalog works on."""

    def __init__(self, db: Database, settings: CatalogSettings, secret: bytes, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.acts, self.cursors = Idempotency(models.acts, secret), Cursors(secret)
        self.listings = Listings(db, settings, self.acts, self.cursors, clock)
        self.reference = Reference(db, self.listings, self.acts, clock)
        self.patents = Patents(db, self.listings, self.acts, self.cursors, clock)
        self.events = Events(self.listings)
        self.collections = Collections(db, self.acts, self.cursors, clock)
        self.listings.entered = self.collections.entered
        self.importing = Importing(db, settings, self.listings, self.patents, self.events, self.reference, clock)


class Catalog(Holdings):
    """Everything that catalog does, by subject."""

    def __init__(
        self,
        db: Database,
        settings: CatalogSettings,
        secret: bytes,
        clock: Clock,
        *,
        matching: MatchingClient,
        documents: RegisterClient,
        licensing: LicensingClient,
        oversight: OversightClient,
    ) -> None:
        super().__init__(db, settings, secret, clock)
        evidence, cursors = Evidence(documents), self.cursors
        self.record = Record(db, self.patents, self.events, evidence, self.acts, clock)
        self.mergers = Mergers(db, self.patents, self.listings, self.events, self.acts, clock)
        self.consents = Consents(db, self.listings, evidence, self.acts, clock)
        self.screenings = Screenings(db, self.acts, cursors, clock, matching)
        self.offers = Offers(db, self.listings, self.screenings, self.acts, clock)
        self.inventories = Inventories(db, self.acts, cursors, clock)
        self.balance = Balance(db, matching)
        self.imports = Imports(db, Writer(db.url, settings), evidence, self.acts, cursors, clock)
        self.deals = Deals(db, self.events, licensing.changes, clock)
        self.restrictions = Restrictions(db, self.listings, oversight.changes, clock)
        self.exports = Exports(self.patents, clock)
        self.sample = Sample(db, self.listings, clock)

    async def changes(self, after: int, limit: int, wait_s: float, types: Sequence[str] | None = None) -> FeedPage:
        """Our feed, for other services: of some types, or whole."""
        return await models.feed.page(self.db, after, limit, wait_s, types)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)
