"""Licensing's client."""

from __future__ import annotations

from collections.abc import Sequence

from shared.client import ServiceClient
from shared.contracts.feed import FeedPage

WAIT_S = 20.0


class LicensingClient(ServiceClient):
    """What other services ask licensing."""

    service = "licensing"

    async def changes(
        self, after: int, *, limit: int = 500, wait_s: float = WAIT_S, types: Sequence[str] = ()
    ) -> FeedPage:
        """Changes after a position, of some types or all; waits for the next one when there is none.

        Raises: Gone, when they have been purged.
        """
        params = {"after": after, "limit": limit, "wait": wait_s, "types": list(types)}
        return await self._call("GET", "/changes", FeedPage, params=params, within_s=wait_s + 10)
