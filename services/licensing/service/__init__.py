"""Licensing's use cases."""

from __future__ import annotations

from collections.abc import Sequence

from services.licensing import models
from services.licensing.service.calendar import Calendars
from services.licensing.service.contracts import Contracts
from services.licensing.service.deadlines import Deadlines
from services.licensing.service.declarations import Declarations
from services.licensing.service.distributions import Distributions
from services.licensing.service.documents import Documents
from services.licensing.service.facts import Facts
from services.licensing.service.inquiries import Inquiries
from services.licensing.service.ledger import Ledger
from services.licensing.service.licenses import Licenses
from services.licensing.service.payments import Payments
from services.licensing.service.policies import PolicyBook
from services.licensing.service.providers import Providers
from services.licensing.service.quick import QuickLicenses
from services.licensing.service.reports import Reports
from services.licensing.service.requests import Requests
from services.licensing.service.silence import Silence
from services.licensing.service.targets import Targets
from shared import feed
from shared.clients import CatalogClient, OversightClient, RegisterClient
from shared.clock import Clock
from shared.contracts.feed import FeedPage
from shared.db import Database
from shared.idempotency import Idempotency
from shared.paging import Cursors


class Licensing:
    """Everything that licensing does, by subject."""

    def __init__(
        self,
        db: Database,
        secret: bytes,
        clock: Clock,
        *,
        catalog: CatalogClient,
        register: RegisterClient,
        oversight: OversightClient,
    ) -> None:
        self.db, self.clock, self._oversight = db, clock, oversight
        self.acts, cursors = Idempotency(models.acts, secret), Cursors(secret)
        targets = Targets(catalog, register, oversight)
        self.declarations = Declarations(db, targets, self.acts, cursors, clock)
        self.licenses = Licenses(db, targets, self.acts, cursors, clock)
        self.contracts = Contracts(db, targets, self.licenses, self.acts, cursors, clock)
        self.inquiries = Inquiries(db, targets, self.contracts, self.acts, cursors, clock)
        self.documents = Documents(db, targets, self.licenses, clock)
        self.deadlines = Deadlines(db, clock)
        self.quick = QuickLicenses(db, targets, self.licenses, self.acts, cursors, clock)
        self.requests = Requests(db, targets, self.declarations, self.licenses, self.acts, cursors, clock)
        self.facts = Facts(db, targets, self.declarations, self.requests, clock)
        self.ledger = Ledger(db, cursors)
        self.distributions = Distributions(db, targets, self.licenses, self.acts, cursors, clock)
        self.reports = Reports(db, targets, cursors)
        self.payments = Payments(db, targets, self.requests, self.licenses, self.acts, clock)
        self.providers = Providers(db, self.payments, self.acts, cursors, secret, clock)
        self.silence = Silence(db, self.payments, targets, self.acts, cursors, clock)
        self.calendars, self.policies = Calendars(db, self.acts, clock), PolicyBook(db, self.acts, clock)

    async def changes(self, after: int, limit: int, wait_s: float, types: Sequence[str] | None) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s, types)

    async def follow_orders(self) -> None:
        """Loop: orders against parties, as oversight tells of them."""
        await models.orders.follow(self.db, models.feed, self._oversight.changes)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)
