"""The documents that acts rest on: they lie in the gateway, and are there before the act is."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalog.rules.events import documents_are_there
from shared.auth import Caller
from shared.clients import RegisterClient
from shared.errors import InvalidInput


class Evidence:
    """Asks for documents."""

    def __init__(self, documents: RegisterClient) -> None:
        self._documents = documents

    async def check(self, ids: Sequence[str], by: Caller) -> None:
        """Every document that an act names was uploaded, by whoever acts. Nothing is asked where none is named.

        Raises: InvalidInput EV-DOCUMENT; Unavailable, when the gateway does not answer.
        """
        if not ids:
            return
        missing = await self._documents.missing(ids, None if by.is_operator else by.organization_id)
        if no := documents_are_there(ids, missing):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
