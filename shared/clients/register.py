"""The gateway as services use it: for who is who, and for the documents that acts rest on."""

from __future__ import annotations

from collections.abc import Sequence

from shared.auth import Caller
from shared.client import ServiceClient
from shared.contracts.gateway import Evidence, EvidenceQuery, Parties, PartiesQuery, PartyOut
from shared.errors import InvalidInput


class RegisterClient(ServiceClient):
    """What services ask the gateway."""

    service = "gateway"

    async def missing(self, ids: Sequence[str], organization_id: str | None) -> list[str]:
        """Which of these documents are not there, or not that organization's (None: anybody's)."""
        query = EvidenceQuery(organization_id=organization_id, document_ids=list(ids))
        return (await self._call("POST", "/evidence", Evidence, ask=query)).missing

    async def check_documents(self, ids: Sequence[str], by: Caller) -> None:
        """Every document that an act names was uploaded by whoever acts. Nothing is asked where none is named.

        Raises: InvalidInput; Unavailable.
        """
        if ids and (missing := await self.missing(ids, None if by.is_operator else by.organization_id)):
            raise InvalidInput(
                f"these documents are not yours or do not exist: {', '.join(missing)}; upload them at /v1/documents",
                f"下列文件不存在或不属于您：{'、'.join(missing)}，请先在 /v1/documents 上传",
                code="document_unknown",
            )

    async def parties(self, ids: Sequence[str]) -> dict[str, PartyOut]:
        """Organizations as parties of a contract, by id; those that are not there are left out."""
        told = await self._call("POST", "/parties", Parties, ask=PartiesQuery(organization_ids=list(ids)))
        return {party.id: party for party in told.items}
