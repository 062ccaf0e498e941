"""Gateway's use cases."""

from __future__ import annotations

from services.gateway import models, rules
from services.gateway.service.clients import Clients
from services.gateway.service.delegations import Delegations
from services.gateway.service.demo import Demo
from services.gateway.service.documents import Documents
from services.gateway.service.organizations import Organizations
from services.gateway.service.surface import Surface
from services.gateway.settings import GatewaySettings
from shared import feed
from shared.auth import Caller, KeyRing
from shared.clock import Clock
from shared.contracts.access import OrganizationType
from shared.contracts.feed import FeedPage
from shared.contracts.gateway import (
    ClientDraft,
    OrganizationDraft,
    Verification,
    VerificationDraft,
)
from shared.db import Database
from shared.idempotency import Idempotency
from shared.paging import Cursors


class Gateway:
    """Everything that the gateway does, by subject."""

    def __init__(self, db: Database, settings: GatewaySettings, keys: KeyRing, clock: Clock, surface: Surface) -> None:
        self.db, self.clock, self.keys, self.surface, self.settings = db, clock, keys, surface, settings
        self.acts, cursors = Idempotency(models.acts, keys.secret), Cursors(keys.secret)
        self.organizations = Organizations(db, self.acts, cursors, clock)
        self.clients = Clients(db, self.acts, keys, clock)
        self.delegations = Delegations(db, self.acts, cursors, clock)
        self.demo = Demo(db, self.clients, clock)
        self.documents = Documents(db, self.acts, clock)

    async def first_client(self, name: str, kind: str, uscc: str) -> dict[str, str]:
        """Register an organization as verified and give it a client with all scopes of its kind.

        For the command line beside the database: nobody can be asked for a token yet.
        """
        draft = OrganizationDraft.model_validate({"name": name, "type": kind, "uscc": uscc})
        operator = Caller(
            "command line",
            "",
            OrganizationType.PLATFORM_OPERATOR,
            True,
            False,
            rules.grantable(OrganizationType.PLATFORM_OPERATOR),
        )
        organization = await self.organizations.register(draft, operator)
        await self.organizations.verify(
            organization.id, VerificationDraft(verification=Verification.VERIFIED, reason="command line"), operator
        )
        made = await self.clients.make(organization.id, ClientDraft(name="first"), operator)
        return {
            "organization_id": organization.id,
            "client_id": made.client_id,
            "client_secret": made.client_secret,
        }

    async def changes(self, after: int, limit: int, wait_s: float) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)
