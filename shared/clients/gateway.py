"""The gateway as a program outside uses it: a token by client credentials, then the public surface."""

from __future__ import annotations

import secrets
from pathlib import Path

from shared.client import ServiceClient
from shared.contracts.catalog import Card, ImportError_, ListingPage, Loaded, PatentImport, ReferenceRows, Removed
from shared.contracts.gateway import Organization, Token
from shared.contracts.matching import Matches, MatchQuery
from shared.contracts.wire import Health, Page

UPLOAD_S = 120.0
_Errors = Page[ImportError_]


class GatewayClient(ServiceClient):
    """The public surface, as far as our own command line walks on it."""

    service = "gateway"

    async def sign_in(self, client_id: str, client_secret: str) -> Token:
        """Get a token and use it from now on. Raises: Unauthenticated."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        token = await self._call_form("/v1/oauth/token", Token, data=form)
        self._token = lambda: token.access_token
        return token

    async def ready(self) -> Health:
        """Whether the platform is ready. Raises: Unavailable until then."""
        return await self._call("GET", "/readyz", Health)

    async def me(self) -> Organization:
        """The organization for which the token acts."""
        return await self._call("GET", "/v1/organizations/me", Organization)

    async def import_patents(self, name: str, content: bytes, *, publish: bool, dry_run: bool) -> PatentImport:
        """Send a file to be imported."""
        return await self._call_form(
            "/v1/patent-imports",
            PatentImport,
            within_s=UPLOAD_S,
            data={"publish": str(publish).lower(), "dry_run": str(dry_run).lower()},
            files={"file": (Path(name).name, content, "application/octet-stream")},
        )

    async def patent_import(self, id_: str) -> PatentImport:
        """How far an import is."""
        return await self._call("GET", f"/v1/patent-imports/{id_}", PatentImport)

    async def import_errors(self, id_: str, *, limit: int = 20) -> Page[ImportError_]:
        """The first reasons for rejected rows."""
        return await self._call("GET", f"/v1/patent-imports/{id_}/errors", _Errors, params={"limit": limit})

    async def newest_listing(self) -> Card | None:
        """The listing that was published last."""
        page = await self._call("GET", "/v1/listings", ListingPage, params={"limit": 1, "sort": "-published_at"})
        return page.items[0] if page.items else None

    async def match(self, query: MatchQuery) -> Matches:
        """Rank a need that is not stored."""
        return await self._call("POST", "/v1/match-queries", Matches, ask=query)

    async def load_reference(self, table: str, rows: ReferenceRows) -> Loaded:
        """Rows into a reference table."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        return await self._call(
            "POST", f"/v1/reference/{table}/rows", Loaded, ask=rows, headers=headers, within_s=UPLOAD_S
        )

    async def remove_sample(self) -> Removed:
        """Take the sample out."""
        return await self._call("DELETE", "/v1/sample", Removed)
