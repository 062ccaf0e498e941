"""Oversight's client."""

from __future__ import annotations

from collections.abc import Sequence

from shared.client import ServiceClient
from shared.contracts.feed import FeedPage
from shared.contracts.oversight import PartyCheck, PartyOrder, PartyOrders

WAIT_S = 20.0


class OversightClient(ServiceClient):
    """What other services ask oversight."""

    service = "oversight"

    async def changes(
        self, after: int, *, limit: int = 500, wait_s: float = WAIT_S, types: Sequence[str] = ()
    ) -> FeedPage:
        """Changes after a position, of some types or all; waits for the next one when there is none.

        Raises: Gone, when they have been purged.
        """
        params = {"after": after, "limit": limit, "wait": wait_s, "types": list(types)}
        return await self._call("GET", "/changes", FeedPage, params=params, within_s=wait_s + 10)

    async def orders(self, organization_ids: Sequence[str]) -> list[PartyOrder]:
        """The orders that stand now against some parties. Raises: Unavailable."""
        ask = PartyCheck(organization_ids=list(organization_ids))
        return (await self._call("POST", "/party-checks", PartyOrders, ask=ask)).items
