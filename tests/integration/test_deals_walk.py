"""A walk through all deals at random, by several at once; after it the invariants of the law hold, and nothing was a 5xx.

`DUIJIE_WALK_STEPS` and `DUIJIE_WALK_SEEDS` in the environment make it longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import select

from services.licensing import models
from services.licensing.rules.scope import cells_of, overlap
from services.licensing.service import scopes
from shared.contracts.catalog import LicenseType
from shared.contracts.licensing import LicenseScope
from shared.errors import RuleRefused
from tests import factories
from tests.deals import Talks, a_declaration, a_quick_offer, at
from tests.world import Api, World

pytestmark = pytest.mark.anyio

STEPS = int(os.environ.get("DUIJIE_WALK_STEPS", "60"))
SEEDS = [int(seed) for seed in os.environ.get("DUIJIE_WALK_SEEDS", "1 2").split()]
AT_ONCE = 4


class Walk:
    """Some firms, one university, two patents, and what they remember of what they did."""

    def __init__(self, talks: Talks, firms: list[Api], patents: list[str], chance: random.Random) -> None:
        self.talks, self.firms, self.patents, self.chance = talks, firms, patents, chance
        self.seen: dict[str, list[dict[str, Any]]] = {}
        self.statuses: list[int] = []

    async def act(self, who: Api, path: str, body: dict[str, Any] | None = None, keep: str | None = None) -> None:
        """Send an act; whatever the answer, it is no error of ours."""
        answer = await who.post(path, json=body or {})
        self.statuses.append(answer.status_code)
        assert answer.status_code < 500, (path, body, answer.text)
        if keep and answer.status_code in (200, 201):
            self.seen.setdefault(keep, []).append({**answer.json(), "by": who})

    def any(self, kind: str) -> dict[str, Any] | None:
        found = self.seen.get(kind)
        return self.chance.choice(found) if found else None

    def scope(self) -> dict[str, Any]:
        first = self.chance.randrange(0, 400, 100)
        where = self.chance.choice([None, ["37"], ["3703", "37"], ["41", "3701"]])
        what = self.chance.choice([None, ["C34"], ["C3425"], ["C"], ["I65"]])
        days = {"from": self.talks.day(first), "to": self.talks.day(first + 150)}
        return {**days, "territory": where, "field_of_use": what}

    # The acts; each picks by chance what it is done to.

    async def ask(self) -> None:
        listing = self.any("listing")
        if listing:
            body = {"listing_id": listing["id"], "message": "您好"}
            await self.act(self.chance.choice(self.firms), "/v1/inquiries", body, "inquiry")

    async def offer(self) -> None:
        if asked := self.any("inquiry"):
            type_ = self.chance.choice(["ORDINARY", "SOLE", "EXCLUSIVE"])
            until = self.chance.choice([None, self.talks.day(20)])
            terms = self.talks.terms(
                license_type=type_, scope=self.scope(), valid_until=until, fee={"fee_type": "FREE"}
            )
            by = self.chance.choice([asked["by"], self.talks.university])
            await self.act(by, f"/v1/inquiries/{asked['id']}/offers", terms, "offer")

    async def answer(self) -> None:
        if made := self.any("offer"):
            by = self.chance.choice([*self.firms, self.talks.university])
            act = self.chance.choice(["acceptance"] * 6 + ["rejection", "revocation"])
            body = {"acknowledged_rules": ["SCOPE-CONFLICT"]} if act == "acceptance" else {}
            await self.act(by, f"/v1/offers/{made['id']}/{act}", body, "accepted" if act == "acceptance" else None)

    async def sign(self) -> None:
        if accepted := self.any("accepted"):
            path = f"/v1/licenses/{accepted['license_id']}"
            by = self.chance.choice([*self.firms, self.talks.university])
            seen = await by.get(path)
            if seen.status_code == 200:
                signed = {"document_sha256": seen.json()["document_sha256"], "method": "PLATFORM"}
                warned = {"acknowledged_rules": ["SCOPE-CONFLICT"]}
                await self.act(by, f"{path}/signatures", {**signed, **warned, "signatory": {"name": "某人"}})

    async def close(self) -> None:
        if asked := self.any("inquiry"):
            by = self.chance.choice([asked["by"], self.talks.university])
            await self.act(by, f"/v1/inquiries/{asked['id']}/closing", {"reason": "另有安排"})

    async def end(self) -> None:
        if accepted := self.any("accepted"):
            body = {"ground": "AGREEMENT", "reason": "协商解除"}
            for by in [*self.firms, self.talks.university]:
                await self.act(by, f"/v1/licenses/{accepted['license_id']}/terminations", body)

    async def declare(self) -> None:
        patent = self.chance.choice(self.patents)
        draft = a_declaration(patent, fee={"fee_type": self.chance.choice(["FREE", "ROYALTY"])})
        draft["fee"] |= {"rate": "0.03", "rate_base": "PROFIT"} if draft["fee"]["fee_type"] == "ROYALTY" else {}
        await self.act(self.talks.university, "/v1/open-license-declarations", draft, "declaration")

    async def proceed(self) -> None:
        if declared := self.any("declaration"):
            signed = {"filed_on": self.talks.today, "signatory": {"name": "校长"}}
            said = {"announcement_number": "KF1", "announced_on": self.talks.today}
            act, by, body = self.chance.choice(
                [
                    ("filing", self.talks.university, signed),
                    ("announcement", self.talks.operator, said),
                    ("withdrawal", self.talks.university, {**signed, "reason": "调整"}),
                    ("withdrawal-announcement", self.talks.operator, said),
                ]
            )
            await self.act(by, f"{at(declared)}/{act}", body)

    async def notice(self) -> None:
        if declared := self.any("declaration"):
            body = {"declaration_id": declared["id"], "intended_use": "生产"}
            await self.act(self.chance.choice(self.firms), "/v1/open-license-requests", body, "request")

    async def stand(self) -> None:
        body = a_quick_offer(self.chance.choice(self.patents), fee={"fee_type": "FREE"}, license_term_months=9)
        await self.act(self.talks.university, "/v1/quick-license-offers", body, "standing")
        if standing := self.any("standing"):
            path = f"/v1/quick-license-offers/{standing['id']}/activation"
            await self.act(self.talks.university, path, {"signatory": {"name": "校长"}})

    async def attempt(self) -> None:
        if standing := self.any("standing"):
            body = {"offer_id": standing["id"], "intended_use": "试用"}
            await self.act(self.chance.choice(self.firms), "/v1/quick-license-requests", body, "trial")

    async def decide(self) -> None:
        if trial := self.any("trial"):
            act = self.chance.choice(["conversion", "termination"])
            await self.act(trial["by"], f"/v1/quick-license-requests/{trial['id']}/{act}")

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        often = [self.ask, self.offer, self.offer, self.answer, self.answer, self.sign, self.sign, self.sign]
        seldom = [self.close, self.end, self.declare, self.proceed, self.proceed, self.notice, self.stand]
        return [*often, *seldom, self.attempt, self.decide]


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_done_no_two_licenses_exclude_each_other(world: World, seed: int) -> None:
    """I-1, I-2, I-3: looked at in the rows themselves, with the rules of scopes and not with the database's."""
    talks = await (await Talks.open(world)).offered()
    other = await (await talks.another()).offered()
    firms = [await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303")) for _ in range(3)]
    chance = random.Random(seed)
    walk = Walk(talks, firms, [talks.patent, other.patent], chance)
    walk.seen["listing"] = [{"id": talks.listing}, {"id": other.listing}]
    for _ in range(STEPS):
        await asyncio.gather(*(chance.choice(walk.acts)() for _ in range(AT_ONCE)))
    assert walk.statuses.count(409) and walk.statuses.count(201)
    await holds(world, walk.patents)


@pytest.mark.parametrize("first", list(LicenseType))
@pytest.mark.parametrize("second", list(LicenseType))
async def test_postgresql_itself_keeps_licenses_apart(world: World, first: LicenseType, second: LicenseType) -> None:
    """Whoever forgets to ask is stopped by the table: the constraint, and not the rule before it."""
    licensing, today, patent = world.house.licensing.db, world.today, f"pat_{first.value}_{second.value}"
    scope = LicenseScope.model_validate({"from": today, "to": today + timedelta(days=90), "territory": ["37"]})
    part = scope.model_copy(update={"territory": ["370303"], "from_": scope.to})
    async with licensing.write() as tx:
        await scopes.take(tx, "lic_first", [patent], first, scope, today)
    beside = first is second is LicenseType.ORDINARY
    with contextlib.nullcontext() if beside else pytest.raises(RuleRefused) as refused:
        async with licensing.write() as tx:
            await scopes.take(tx, "lic_second", [patent], second, part, today)
    if not beside:
        assert refused is not None and refused.value.violations[0].rule == "SCOPE-CONFLICT"
    async with licensing.write() as tx:  # apart in place, or in time, they stand
        await scopes.take(tx, "lic_third", [patent], second, scope.model_copy(update={"territory": ["41"]}), today)
        await scopes.leave_from(tx, "lic_first", today)
        await scopes.leave(tx, "lic_second")
        await scopes.take(tx, "lic_fourth", [patent], second, scope, today)


async def holds(world: World, patents: list[str]) -> None:
    async with world.house.licensing.db.read() as tx:
        licenses = (
            await tx.execute(select(models.license_).where(models.license_.c.patent_ids.overlap(patents)))
        ).all()
        declared = (
            await tx.execute(select(models.declaration).where(models.declaration.c.patent_id.in_(patents)))
        ).all()
    today = world.today
    running = [
        row for row in licenses if row.effective_on is not None and row.terminated_on is None and row.until >= today
    ]
    for one, two in combinations(running, 2):
        if set(one.patent_ids) & set(two.patent_ids) and {"SOLE", "EXCLUSIVE"} & {one.license_type, two.license_type}:
            meet = any(overlap(a, b) for a in cells(one) for b in cells(two))
            assert not meet, f"{one.id} ({one.license_type}) and {two.id} ({two.license_type}) share a scope"
    live = {row.patent_id for row in declared if row.state in ("FILED", "ANNOUNCED", "WITHDRAWAL_FILED")}
    for row in running:
        assert row.license_type == "ORDINARY" or not live & set(row.patent_ids), f"{row.id} beside an open license"
    assert all(row.until - row.begins_on < timedelta(days=3_000) for row in running)


def cells(row: Any) -> Any:
    place = row.terms.get("scope") or {}
    scope = {"from": row.begins_on, "to": row.until, **{k: place.get(k) for k in ("territory", "field_of_use")}}
    return cells_of(LicenseScope.model_validate(scope))
