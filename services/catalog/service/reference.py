"""Reference tables: what codes mean. A short one ships; the official ones are loaded by the operator."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Row, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from services.catalog import models
from services.catalog.service.listings import Listings
from shared import context
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Loaded, ReferenceRow, ReferenceRowIn
from shared.contracts.values import parse_classification, parse_industry, parse_region
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.idempotency import Idempotency
from shared.rulebook import Refused

TABLES = ("regions", "industries", "ipc", "universities")
_SHIPPED = Path(__file__).parent.parent / "reference"
_CHUNK = 2_000


class Reference:
    """Codes and their titles."""

    def __init__(self, db: Database, listings: Listings, acts: Idempotency, clock: Clock) -> None:
        self._db, self._listings, self._acts, self._clock = db, listings, acts, clock

    async def ship(self) -> None:
        """On the first start, fill the tables with what comes with the platform.

        Regions have a mark of their own: an installation from before codes had years gets the years, and
        keeps the names that its operator loaded.
        """
        async with self._db.write() as tx:
            if not await done_before(tx, "reference", self._clock):
                await _store(tx, "ipc", [_Line(code, zh, en, _parent(code)) for code, zh, en in shipped_ipc()])
                lines = [_Line(code, zh, en, code[0] if len(code) > 1 else None) for code, zh, en, _ in industries()]
                await _store(tx, "industries", lines)
            if not await done_before(tx, "regions with years", self._clock):
                await _store(tx, "regions", shipped_regions(), replaced=("valid_from", "valid_until", "successor"))

    async def load(self, table: str, rows: Sequence[ReferenceRowIn]) -> Loaded:
        """Rows into a table: new ones added, changed ones replaced. New class titles reach the index at once.

        A region that is loaded without `valid_until` is in use, whatever the table said before.
        """
        if table not in TABLES:
            raise NotFound(f"there is no reference table {table[:40]}; there are {', '.join(TABLES)}", "没有该参考表")
        latest = {canonical(table, row.code): row for row in rows}
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            before = {code: _line(row) for code, row in (await models.rows_of(tx, table, list(latest))).items()}
            fresh = [
                _Line(
                    code,
                    row.zh,
                    row.en,
                    row.parent or _parent(code) if table == "ipc" else row.parent,
                    row.valid_from or (before[code].valid_from if code in before else None),
                    row.valid_until,
                    row.successor and canonical(table, row.successor),
                )
                for code, row in latest.items()
            ]
            changed = [line for line in fresh if before.get(line.code) != line]
            await _store(tx, table, changed)
            if table == "ipc" and changed:
                await self._listings.retitle(tx, [line.code for line in changed], self._clock.now())
            created = sum(1 for line in changed if line.code not in before)
            answer = Loaded(created=created, changed=len(changed) - created, unchanged=len(latest) - len(changed))
            await self._acts.answer(tx, answer)
        return answer

    async def page(
        self,
        table: str,
        prefix: str | None,
        q: str | None,
        after: str | None,
        limit: int,
        *,
        valid_on: date | None = None,
    ) -> Page[ReferenceRow]:
        """Codes in order, below a prefix or with a word in the title; titles in the reader's language.

        Regions are those of a day, today's unless one is named.
        """
        rows = models.reference
        statement = select(rows).where(rows.c.name == table).order_by(rows.c.code).limit(limit + 1)
        if table == "regions":
            day = valid_on or legal_day(self._clock.now())
            statement = statement.where(
                func.coalesce(rows.c.valid_from, day) <= day, func.coalesce(rows.c.valid_until, day) >= day
            )
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
        items = [_shown(row) for row in found[:limit]]
        return Page(items=items, next=items[-1].code if len(found) > limit else None)

    async def get(self, table: str, code: str) -> ReferenceRow:
        """One code in any of its spellings, in use or abolished. Raises: NotFound."""
        wanted = canonical(table, code)
        async with self._db.read() as tx:
            row = (await models.rows_of(tx, table, [wanted])).get(wanted)
        if row is None:
            raise NotFound("there is no such code in this table", "该参考表中没有此代码")
        return _shown(row)

    async def region_of(self) -> dict[str, str]:
        """Codes of provinces and cities by name, for reading files."""
        async with self._db.read() as tx:
            found = await tx.execute(
                select(models.reference.c.code, models.reference.c.zh).where(
                    models.reference.c.name == "regions",
                    models.reference.c.valid_until.is_(None),
                    func.length(models.reference.c.code) <= 4,
                )
            )
            return {row.zh: row.code for row in sorted(found, key=lambda row: -len(row.code))}


async def done_before(tx: Tx, name: str, clock: Clock) -> bool:
    """Whether something that is done once was done; marks it done."""
    made = insert(models.mark).values(name=name, at=clock.now()).on_conflict_do_nothing()
    return (await tx.execute(made.returning(models.mark.c.name))).first() is None


class _Line(NamedTuple):
    """A row of a reference table, without the table's name."""

    code: str
    zh: str
    en: str | None = None
    parent: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    successor: str | None = None


def _line(row: Row[Any]) -> _Line:
    return _Line(*(row._mapping[name] for name in _Line._fields))


def _shown(row: Row[Any]) -> ReferenceRow:
    english = context.language.get() == "en"
    title = row.en if english and row.en else row.zh
    return ReferenceRow(
        code=row.code, title=title, parent=row.parent, valid_from=row.valid_from, valid_until=row.valid_until,
        successor=row.successor,
    )  # fmt: skip


_SPELLED: Mapping[str, Callable[[str], str]] = {
    "regions": parse_region,
    "industries": parse_industry,
    "ipc": parse_classification,
}


def canonical(table: str, code: str) -> str:
    """A code as its table keeps it; what the parser does not know (an IPC section or class) stays as it is."""
    try:
        return _SPELLED[table](code) if table in _SPELLED else code
    except Refused:
        return code.upper()


async def _store(tx: Tx, table: str, lines: Sequence[_Line], *, replaced: Sequence[str] = _Line._fields[1:]) -> None:
    """Rows into a table; of those that are there the named columns are replaced."""
    for start in range(0, len(lines), _CHUNK):
        values = [{"name": table, **line._asdict()} for line in lines[start : start + _CHUNK]]
        statement = insert(models.reference)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["name", "code"], set_={name: statement.excluded[name] for name in replaced}
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


_SUFFIX = re.compile(r"(自治州|自治县|自治旗|地区|新区|林区|特区|[市县区旗盟])$")


@cache
def shipped_regions() -> list[_Line]:
    """Provinces, cities and counties with the years of their codes, from python-stdnum's table of GB/T 2260.

    A code that has had several names carries the last. A successor is inferred: the code in the same province
    that took on the same name, but for its suffix, in the year in which the other ended or in the next; of two,
    the one of the same level; none where that leaves a doubt.
    """
    found: list[_Line] = []
    named: dict[tuple[str, str, int], list[str]] = defaultdict(list)  # who took on a name in a year
    province = ""
    for line in (resources.files("stdnum.cn") / "loc.dat").read_text(encoding="utf-8").splitlines():
        if match := re.match(r'(\d\d) province="([^"]+)"', line):
            province = match[1]
            found.append(_Line(province, match[2]))
        elif (match := re.match(r'\s+(\d{4}) county="(.+)"', line)) and match[1] != "0000":
            code = province + match[1].removesuffix("00")
            spans = re.findall(r"(?:\[(\d*)-(\d*)\])?([^\[\],]+)", match[2])
            since, until = [span[0] for span in spans], [span[1] for span in spans]
            begun = None if "" in since else date(int(min(since)), 1, 1)
            ended = None if "" in until else date(int(max(until)), 12, 31)
            found.append(_Line(code, spans[-1][2], None, code[:-2], begun, ended))
            for year, _, name in spans:
                if year:
                    named[province, _SUFFIX.sub("", name), int(year)].append(code)
    by_code = {region.code: region for region in found}
    return [region._replace(successor=_heir(region, named, by_code)) for region in found]


def _heir(region: _Line, named: dict[tuple[str, str, int], list[str]], by_code: dict[str, _Line]) -> str | None:
    """The code in use that a chain of successors ends with."""
    at = region
    while at.valid_until:
        stem, year = _SUFFIX.sub("", at.zh), at.valid_until.year
        heirs = {
            code
            for code in named[at.code[:2], stem, year] + named[at.code[:2], stem, year + 1]
            if (by_code[code].valid_until or date.max) > at.valid_until
        }
        if len(heirs) > 1:
            heirs = {code for code in heirs if len(code) == len(at.code)}
        if stem == "市辖" or len(heirs) != 1:
            return None
        at = by_code[heirs.pop()]
    return None if at is region else at.code
