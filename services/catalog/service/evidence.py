"""The documents that acts rest on: they lie in the gateway, and are there before the act is."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalog.rules.events import documents_are_there, holders_are_here
from shared.auth import Caller
from shared.clients import RegisterClient
from shared.contracts.catalog import LegalEventDraft
from shared.errors import InvalidInput


class Evidence:
    """Asks for documents, and for the organizations that an act names."""

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

    async def check_event(self, draft: LegalEventDraft, by: Caller) -> None:
        """The documents of an event, and the organizations that it makes holders.

        Raises: InvalidInput EV-DOCUMENT, EV-HOLDER; Unavailable, when the gateway does not answer.
        """
        await self.check(draft.document_ids, by)
        named = [holder.organization_id for holder in (draft.detail and draft.detail.holders) or ()]
        ids = [id_ for id_ in named if id_]
        known = await self._documents.parties(ids) if ids else {}
        if no := holders_are_here(named, known.keys()):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
