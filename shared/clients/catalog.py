"""Catalog's client."""

from __future__ import annotations

from collections.abc import Sequence

from shared.client import ServiceClient
from shared.contracts.catalog import (
    DealQuery,
    DealTarget,
    DealTargets,
    HoldingCount,
    Holdings,
    Listing,
    ReferenceRow,
    Snapshot,
)
from shared.contracts.feed import FeedPage
from shared.errors import NotFound

WAIT_S = 20.0


class CatalogClient(ServiceClient):
    """What other services ask catalog."""

    service = "catalog"

    async def changes(
        self, after: int, *, limit: int = 500, wait_s: float = WAIT_S, types: Sequence[str] = ()
    ) -> FeedPage:
        """Changes after a position, of some types or all; waits for the next one when there is none.

        Raises: Gone, when they have been purged.
        """
        params = {"after": after, "limit": limit, "wait": wait_s, "types": list(types)}
        return await self._call("GET", "/changes", FeedPage, params=params, within_s=wait_s + 10)

    async def snapshot(self, after: str | None = None, *, limit: int = 500) -> Snapshot:
        """Published listings, page by page, with the position to follow on from."""
        params = {"limit": limit, **({"after": after} if after else {})}
        return await self._call("GET", "/snapshot", Snapshot, params=params)

    async def listing(self, id_: str) -> Listing:
        """A published listing. Raises: NotFound."""
        return await self._call("GET", f"/v1/listings/{id_}", Listing)

    async def has_code(self, table: str, code: str) -> bool:
        """Whether a reference table (regions, industries, ipc) holds a code, in use or abolished."""
        try:
            await self._call("GET", f"/v1/reference/{table}/{code}", ReferenceRow)
        except NotFound:
            return False
        return True

    async def deal(self, query: DealQuery) -> list[DealTarget]:
        """Patents as they stand now, and what is against an act with each. Raises: NotFound."""
        return (await self._call("POST", "/deal-checks", DealTargets, ask=query)).items

    async def holdings(self, organization_id: str, year: int) -> list[HoldingCount]:
        """The patents that an organization keeps on record, by type, as of the end of a year or of today."""
        params = {"organization_id": organization_id, "year": year}
        return (await self._call("GET", "/holdings", Holdings, params=params)).items
