"""Demo organizations: verified, fictitious, and saying so; each with a client of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.gateway import models, rules
from services.gateway.service.clients import Clients
from shared.clock import Clock
from shared.contracts.access import OrganizationType as Kind
from shared.contracts.gateway import Verification
from shared.db import Database
from shared.feed import change

ORGANIZATIONS: dict[str, dict[str, Any]] = {
    "operator": {"name": "对接平台运营方（虚构）", "type": Kind.PLATFORM_OPERATOR, "uscc": "91330500MA3CD00471"},
    "university": {
        "name": "云泽理工大学（虚构）", "type": Kind.UNIVERSITY, "uscc": "123700004950A0014K", "state_owned": True,
        "region_code": "3701",
    },
    "co_owner": {
        "name": "匠兴机械有限公司（虚构）", "type": Kind.ENTERPRISE, "uscc": "91370303MA3CD00120", "region_code": "3703",
        "industry_code": "C34", "staff_count": 120, "annual_revenue": {"amount": "86000000.00", "currency": "CNY"},
    },
    "sme": {
        "name": "博川铝制品有限公司（虚构）", "type": Kind.ENTERPRISE, "uscc": "91370303MA3CD0055D", "region_code": "3703",
        "industry_code": "C33", "staff_count": 46, "annual_revenue": {"amount": "18000000.00", "currency": "CNY"},
    },
    "operations_institution": {
        "name": "禾汇知识产权运营中心（虚构）", "type": Kind.OPERATIONS_INSTITUTION, "uscc": "91370100MA3CD00205",
        "region_code": "3701",
    },
    "regulator": {
        "name": "云泽市知识产权局（虚构）", "type": Kind.GOVERNMENT, "uscc": "124100004170A0027P", "state_owned": True,
    },
}  # fmt: skip


def demo_id(name: str) -> str:
    """The id of a demo organization: the same on every installation."""
    return f"org_demo_{name}"


class Demo:
    """The demo organizations of an installation."""

    university_id = demo_id("university")
    custodian_id = demo_id("operations_institution")

    def __init__(self, db: Database, clients: Clients, clock: Clock) -> None:
        self._db, self._clients, self._clock = db, clients, clock

    async def prepare(self, *, has_file: bool) -> dict[str, dict[str, str]]:
        """Make what is missing; answers credentials to be written down, {} when the file still holds.

        On an installation without its file the clients get new secrets: old ones cannot be read again.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            made = []
            for name, facts in ORGANIZATIONS.items():
                id_ = demo_id(name)
                values = {
                    "state_owned": False, "contacts": [], "id": id_, "version": 1, "created_at": now, "updated_at": now,
                    "verification": Verification.VERIFIED, "is_sample": True, "registered_by": demo_id("operator"),
                    **facts,
                }  # fmt: skip
                row = insert(models.organization).values(values).on_conflict_do_nothing()
                if (await tx.execute(row.returning(models.organization.c.id))).first():
                    made.append(change("organization.registered", id_, id_, now, {"type": facts["type"]}))
                    made.append(change("organization.verified", id_, id_, now, {}))
            if has_file and not made:
                return {}
            found: dict[str, dict[str, str]] = {}
            for name, facts in ORGANIZATIONS.items():
                id_ = demo_id(name)
                await tx.execute(
                    update(models.client)
                    .where(models.client.c.organization_id == id_, models.client.c.name == "demo")
                    .values(revoked_at=now)
                )
                client = await self._clients.insert(tx, id_, "demo", sorted(rules.grantable(facts["type"])))
                found[name] = {
                    "organization_id": id_,
                    "client_id": client.client_id,
                    "client_secret": client.client_secret,
                }
            await models.feed.append(tx, made)
            return found

    async def remove(self) -> int:
        """End the demo clients; the organizations stay as names in the record. Answers how many ended."""
        now = self._clock.now()
        async with self._db.write() as tx:
            demo = select(models.organization.c.id).where(models.organization.c.is_sample)
            ended = await tx.execute(
                update(models.client)
                .where(models.client.c.organization_id.in_(demo), models.client.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            return int(ended.rowcount)
