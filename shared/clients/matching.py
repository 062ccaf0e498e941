"""Matching's client."""

from __future__ import annotations

from shared.client import ServiceClient
from shared.contracts.feed import FeedPage
from shared.contracts.matching import DemandMap, DemandQuery, Demands, Matches, MatchQuery

WAIT_S = 20.0
DEMAND_S = 60.0


class MatchingClient(ServiceClient):
    """What others ask matching."""

    service = "matching"

    async def changes(self, after: int, *, limit: int = 500, wait_s: float = WAIT_S) -> FeedPage:
        """Changes after a position; waits for the next one when there is none."""
        params = {"after": after, "limit": limit, "wait": wait_s}
        return await self._call("GET", "/changes", FeedPage, params=params, within_s=wait_s + 10)

    async def demand(self, query: DemandQuery) -> Demands:
        """How much open needs ask for patents."""
        return await self._call("POST", "/demand", Demands, ask=query, within_s=DEMAND_S)

    async def demand_map(self) -> DemandMap:
        """Open needs over classes and provinces."""
        return await self._call("GET", "/demand-map", DemandMap)

    async def match(self, query: MatchQuery) -> Matches:
        """Rank a need that is not stored."""
        return await self._call("POST", "/v1/match-queries", Matches, ask=query)
