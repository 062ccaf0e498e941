"""Matching's use cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from services.matching import models
from services.matching.service.indexing import Changes, Indexing
from services.matching.service.needs import Needs
from services.matching.service.ranking import Rankings
from services.matching.service.vocabulary import shipped
from services.matching.settings import MatchingSettings
from shared import feed
from shared.clock import Clock
from shared.contracts.catalog import Snapshot
from shared.contracts.feed import FeedPage
from shared.db import Database
from shared.idempotency import Idempotency
from shared.paging import Cursors


class Matching:
    """Everything that matching does, by subject."""

    def __init__(
        self,
        db: Database,
        settings: MatchingSettings,
        secret: bytes,
        clock: Clock,
        *,
        folder: Path,
        changes: Changes,
        snapshot: Callable[[str | None], Awaitable[Snapshot]],
    ) -> None:
        self.db, self.clock = db, clock
        self.acts, cursors = Idempotency(models.acts, secret), Cursors(secret)
        self.indexing = Indexing(folder, changes, snapshot)
        self.needs = Needs(db, settings, self.acts, cursors, clock)
        self.rankings = Rankings(self.indexing, self.needs, cursors, clock, settings.rankings_at_once, shipped())

    async def changes(self, after: int, limit: int, wait_s: float) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)
