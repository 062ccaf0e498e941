"""What SQL says of a patent's legal state on a day is what the rules say, on both sides of every boundary."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from services.catalog import models
from services.catalog.rules.status import SUSPENDS, Standing, grace_end
from services.catalog.rules.term import term_end
from services.catalog.service.targets import state_on, status_of
from shared.contracts.catalog import Encumbrance, EncumbranceKind, LegalState
from shared.contracts.values import PatentType
from shared.db import Database

pytestmark = pytest.mark.anyio

PATENTS = 1_500
FILED = [None, date(2004, 2, 29), date(2005, 8, 31), date(2014, 11, 30), date(2021, 5, 31), date(2021, 6, 1)]
PAID = [None, date(2024, 2, 29), date(2024, 8, 31), date(2025, 3, 31), date(2025, 11, 30), date(2026, 5, 31)]
UNTIL = [None, date(2024, 12, 31), date(2026, 3, 1)]


def standing(chance: random.Random) -> Standing:
    kinds = [*SUSPENDS, EncumbranceKind.PLEDGE]
    orders = tuple(
        Encumbrance(
            id=f"enc_{n}", kind=chance.choice(kinds), since=date(2023, 1, 1), until=chance.choice(UNTIL),
            released_on=chance.choice([None, None, date(2024, 5, 5)]),
        )
        for n in range(chance.randrange(3))
    )  # fmt: skip
    return Standing(
        state=chance.choice(list(LegalState)),
        fees_paid_until=chance.choice(PAID),
        before_suspension=chance.choice([LegalState.IN_FORCE, LegalState.PARTIALLY_INVALIDATED]),
        compensation_days=chance.choice([0, 0, 100]),
        encumbrances=orders,
    )


def row(chance: random.Random, number: int) -> dict[str, Any]:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return {
        "id": f"pat_{number}", "organization_id": "org_1", "created_at": at, "updated_at": at, "version": 1,
        "application_number": f"n{number}", "patent_type": chance.choice(list(PatentType)).value, "title": "题",
        "ipc": [], "filing_date": chance.choice(FILED), "holders": [], "inventors": [],
        "standing": standing(chance).stored(),
    }  # fmt: skip


def days() -> list[date]:
    """The day of every boundary and its neighbours."""
    ends = {term_end(kind, filed) for kind in PatentType for filed in FILED if filed}
    ends |= {end + timedelta(days=100) for end in ends}
    ends |= {day for paid in PAID if paid for day in (paid, grace_end(paid))} | {day for day in UNTIL if day}
    return sorted({day + timedelta(days=step) for day in ends for step in (-1, 0, 1)})


async def test_sql_and_rules_agree_on_every_day(database_url: str) -> None:
    chance = random.Random(7)
    db = Database(database_url, "catalog")
    try:
        async with db.write() as tx:
            await tx.execute(insert(models.patent), [row(chance, number) for number in range(PATENTS)])
        seen = set()
        async with db.read() as tx:
            rows = (await tx.execute(select(models.patent))).all()
            for day in days():
                found = await tx.execute(select(models.patent.c.id, state_on(day)))
                said = dict(tuple(one) for one in found)
                expected = {each.id: status_of(each, day).state.value for each in rows}
                assert said == expected, day
                seen |= set(said.values())
        assert seen == {state.value for state in LegalState}
    finally:
        await db.close()
