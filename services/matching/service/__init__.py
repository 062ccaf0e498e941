"""Matching's use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from services.matching import models
from services.matching.engine.shelf import Shelving
from services.matching.service import cluster
from services.matching.service.codes import Codes
from services.matching.service.demand import Demand
from services.matching.service.demanded import Demanded
from services.matching.service.feedback import Feedbacks, Learning
from services.matching.service.indexing import Indexing
from services.matching.service.needs import Needs
from services.matching.service.ranking import Rankings
from services.matching.service.runs import Runs
from services.matching.service.semantic import Semantics
from services.matching.service.subscriptions import Subscriptions
from services.matching.service.supply import Supply
from services.matching.service.tuning import Tuning
from services.matching.settings import MatchingSettings
from shared import feed
from shared.clients import CatalogClient
from shared.clock import Clock
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
        catalog: CatalogClient,
    ) -> None:
        self.db, self.clock = db, clock
        self.acts, cursors = Idempotency(models.acts, secret), Cursors(secret)
        semantics = Semantics() if settings.semantic else None
        supply, codes = Supply(catalog.changes, catalog.snapshot, semantics), Codes(catalog.has_code)
        self._ray = settings.ray
        shelf = None if settings.ray is None else _on_shards(settings.ray, settings, folder)
        self.indexing = Indexing(folder, supply, shelf)
        self.demand = Indexing(folder.with_name(f"{folder.name}-needs"), Demand(db))  # here: needs are few
        self.tuning = Tuning(db, self.acts, cursors, clock, semantics)
        self.needs = Needs(db, settings, self.acts, cursors, clock)
        self.rankings = Rankings(
            self.indexing, self.demand, self.needs, self.tuning.now, codes, cursors, clock, settings.rankings_at_once
        )
        self.demanded = Demanded(db, self.demand, self.rankings, clock)
        self.feedback = Feedbacks(db, self.needs, self.rankings, self.acts, cursors, clock)
        self.learning = Learning(db, self.tuning, self.acts, cursors, clock)
        self.runs = Runs(db, self.needs, self.rankings, codes, self.acts, cursors, clock)
        self.subscriptions = Subscriptions(
            db, supply, self.indexing, self.needs, self.rankings, self.acts, cursors, clock
        )

    async def connect(self) -> None:
        """Reach what the index stands on, before anything relies on it. Raises: cluster.NoCluster."""
        if self._ray is not None:
            await asyncio.to_thread(cluster.connect, self._ray)

    async def changes(self, after: int, limit: int, wait_s: float) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)


def _on_shards(address: str, settings: MatchingSettings, folder: Path) -> Callable[[], Shelving]:
    """How the index begins on a Ray cluster. Raises: cluster.ExtraMissing, at once rather than at the first listing."""
    cluster.check()
    checkpoints = (settings.shards_folder or folder.with_name(f"{folder.name}-shards")).absolute()
    return lambda: cluster.Shards.empty(checkpoints, settings.shards, address=address)
