"""Reference tables: what codes mean. A short one ships; the official ones are loaded by the operator."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from services.catalog import models
from services.catalog.service.listings import Listings
from shared import context
from shared.clock import Clock
from shared.contracts.catalog import Loaded, ReferenceRow, ReferenceRowIn
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.idempotency import Idempotency

TABLES = ("regions", "industries", "ipc", "universities")
_SHIPPED = Path(__file__).parent.parent / "reference"
_CHUNK = 2_000


class Reference:
    """Codes and their titles."""

    def __init__(self, db: Database, listings: Listings, acts: Idempotency, clock: Clock) -> None:
        self._db, self._listings, self._acts, self._clock = db, listings, acts, clock
        self._regions: dict[str, str] | None = None

    async def ship(self) -> None:
        """On the first start, fill the tables with what comes with the platform."""
        async with self._db.write() as tx:
            if await done_before(tx, "reference", self._clock):
                return
            await _store(tx, "ipc", [(code, zh, en, _parent(code)) for code, zh, en in shipped_ipc()])
            await _store(
                tx,
                "industries",
                [(code, zh, en, code[0] if len(code) > 1 else None) for code, zh, en, _ in industries()],
            )
            await _store(tx, "regions", [(code, zh, None, code[:-2] or None) for code, zh in current_regions()])

    async def load(self, table: str, rows: Sequence[ReferenceRowIn]) -> Loaded:
        """Rows into a table: new ones added, changed ones replaced. New class titles reach the index at once."""
        if table not in TABLES:
            raise NotFound(f"there is no reference table {table[:40]}; there are {', '.join(TABLES)}", "没有该参考表")
        latest = {row.code: row for row in rows}
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            stored = await tx.execute(
                select(models.reference).where(
                    models.reference.c.name == table, models.reference.c.code == func.any(list(latest))
                )
            )
            before = {row.code: (row.zh, row.en, row.parent) for row in stored}
            fresh = {
                code: (code, row.zh, row.en, row.parent or _parent(code) if table == "ipc" else row.parent)
                for code, row in latest.items()
            }
            changed = [row for code, row in fresh.items() if before.get(code) != row[1:]]
            await _store(tx, table, changed)
            if table == "ipc" and changed:
                await self._listings.retitle(tx, [row[0] for row in changed], self._clock.now())
            created = sum(1 for row in changed if row[0] not in before)
            answer = Loaded(created=created, changed=len(changed) - created, unchanged=len(latest) - len(changed))
            await self._acts.answer(tx, answer)
        self._regions = None
        return answer

    async def page(
        self, table: str, prefix: str | None, q: str | None, after: str | None, limit: int
    ) -> Page[ReferenceRow]:
        """Codes in order, below a prefix or with a word in the title; titles in the reader's language."""
        rows = models.reference
        statement = select(rows).where(rows.c.name == table).order_by(rows.c.code).limit(limit + 1)
        if prefix:
            statement = statement.where(func.starts_with(rows.c.code, prefix))
        if q:
            statement = statement.where(
                or_(func.strpos(rows.c.zh, q) > 0, func.strpos(func.lower(rows.c.en), q.lower()) > 0)
            )
        if after:
            statement = statement.where(rows.c.code > after)
        async with self._db.read() as tx:
            found = (await tx.execute(statement)).all()
        english = context.language.get() == "en"
        items = [
            ReferenceRow(code=row.code, title=(row.en if english and row.en else row.zh), parent=row.parent)
            for row in found[:limit]
        ]
        return Page(items=items, next=items[-1].code if len(found) > limit else None)

    async def region_of(self) -> dict[str, str]:
        """Codes of provinces and cities by name, for reading files."""
        if self._regions is None:
            async with self._db.read() as tx:
                found = await tx.execute(
                    select(models.reference.c.code, models.reference.c.zh).where(
                        models.reference.c.name == "regions", func.length(models.reference.c.code) <= 4
                    )
                )
                self._regions = {row.zh: row.code for row in sorted(found, key=lambda row: -len(row.code))}
        return self._regions


async def done_before(tx: Tx, name: str, clock: Clock) -> bool:
    """Whether something that is done once was done; marks it done."""
    made = insert(models.mark).values(name=name, at=clock.now()).on_conflict_do_nothing()
    return (await tx.execute(made.returning(models.mark.c.name))).first() is None


async def _store(tx: Tx, table: str, rows: Sequence[tuple[str, str, str | None, str | None]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        values: list[dict[str, Any]] = [
            {"name": table, "code": code, "zh": zh, "en": en, "parent": parent}
            for code, zh, en, parent in rows[start : start + _CHUNK]
        ]
        statement = insert(models.reference)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["name", "code"],
                set_={name: statement.excluded[name] for name in ("zh", "en", "parent")},
            ),
            values,
        )


def _parent(ipc: str) -> str | None:
    """The IPC symbol above: A01B1/02 → A01B1/00 → A01B → A01 → A."""
    if "/" in ipc:
        group, _, rest = ipc.partition("/")
        return ipc[:4] if rest == "00" else f"{group}/00"
    return {4: ipc[:3], 3: ipc[:1]}.get(len(ipc))


@cache
def shipped_ipc() -> list[tuple[str, str, str]]:
    """Our own short titles of IPC sections, classes and subclasses."""
    with open(_SHIPPED / "ipc.tsv", encoding="utf-8", newline="") as file:
        return [(row["code"], row["zh"], row["en"]) for row in csv.DictReader(file, delimiter="\t")]


@cache
def industries() -> list[tuple[str, str, str, list[str]]]:
    """Industry sections and divisions with the IPC subclasses typical of each."""
    with open(_SHIPPED / "industries.tsv", encoding="utf-8", newline="") as file:
        return [
            (row["code"], row["zh"], row["en"], (row["ipc"] or "").split())
            for row in csv.DictReader(file, delimiter="\t")
        ]


def current_regions() -> list[tuple[str, str]]:
    """Provinces, cities and counties valid today, from python-stdnum's table of GB/T 2260."""
    regions: list[tuple[str, str]] = []
    province = ""
    for line in (resources.files("stdnum.cn") / "loc.dat").read_text(encoding="utf-8").splitlines():
        if match := re.match(r'(\d\d) province="([^"]+)"', line):
            province = match[1]
            regions.append((province, match[2]))
        elif match := re.match(r'\s+(\d{4}) county="(.+)"', line):
            names = re.findall(r"(?:\[(\d*)-(\d*)\])?([^\[\],]+)", match[2])
            code = province + match[1]
            for _, until, name in names:
                if not until and match[1] != "0000":
                    regions.append((code[:4] if code.endswith("00") else code, name))
                    break
    return list(dict(regions).items())
