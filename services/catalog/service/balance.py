"""Supply against demand, by IPC class and province: a table, and a picture of it."""

from __future__ import annotations

from collections import Counter
from typing import Literal
from xml.sax.saxutils import escape

from sqlalchemy import func, select

from services.catalog import models
from shared import context
from shared.clients import MatchingClient
from shared.contracts.catalog import ListingState, SupplyDemandCell, SupplyDemandMap
from shared.contracts.values import PatentType
from shared.db import Database

Level = Literal["section", "class", "subclass"]
_LENGTH: dict[Level, int] = {"section": 1, "class": 3, "subclass": 4}
_ROWS, _COLUMNS = 24, 12  # of the picture: classes and provinces with the most patents and needs
_CELL, _LEFT, _TOP = 56, 190, 90


class Balance:
    """Use cases on supply against demand."""

    def __init__(self, db: Database, matching: MatchingClient) -> None:
        self._db, self._matching = db, matching

    async def map(self, level: Level) -> SupplyDemandMap:
        """Patents on offer and open needs, each counted in every class it lies in or leans to.

        A patent's province is its record's, else the first of its listing. The sample is not counted. Raises:
        Unavailable, when matching does not answer: half a map would mislead.
        """
        demand = await self._matching.demand_map()
        size, patent, listing = _LENGTH[level], models.patent, models.listing
        region = func.left(func.coalesce(patent.c.region_code, listing.c.region_codes[1]), 2)
        shown = (
            patent.join(models.listing_patent, models.listing_patent.c.patent_id == patent.c.id)
            .join(listing, listing.c.id == models.listing_patent.c.listing_id)
        )  # fmt: skip
        on_offer = (listing.c.state == ListingState.PUBLISHED, listing.c.is_sample.is_(False))
        lying = (
            select(patent.c.id, func.unnest(patent.c.ipc).label("code"), region.label("region"))
            .select_from(shown)
            .where(*on_offer, patent.c.patent_type != PatentType.DESIGN)
            .subquery()
        )
        place = func.left(lying.c.code, size).label("ipc"), lying.c.region
        cells = select(*place, func.count(lying.c.id.distinct()).label("patents")).group_by(*place)
        async with self._db.read() as tx:
            total = await tx.scalar(select(func.count(patent.c.id.distinct())).select_from(shown).where(*on_offer))
            supply = Counter({(row.ipc, row.region): row.patents for row in await tx.execute(cells)})
        needs: Counter[tuple[str, str | None]] = Counter()
        for cell in demand.cells:
            needs[cell.ipc[:size], cell.region_code] += cell.needs
        places = sorted({*supply, *needs}, key=lambda place: (place[0], place[1] or ""))
        items = [
            SupplyDemandCell(ipc=ipc, region_code=region, patents=supply[ipc, region], needs=needs[ipc, region])
            for ipc, region in places
        ]
        return SupplyDemandMap(patents=total or 0, needs=demand.needs, level=level, items=items)

    async def names(self, codes: list[str], regions: list[str]) -> dict[str, str]:
        """Titles of classes and provinces in the reader's language, where the reference tables hold them."""
        table, english = models.reference, context.language.get() == "en"
        async with self._db.read() as tx:
            found = await tx.execute(
                select(table.c.code, table.c.zh, table.c.en).where(
                    table.c.name.in_(["ipc", "regions"]), table.c.code.in_([*codes, *regions])
                )
            )
            return {row.code: row.en if english and row.en else row.zh for row in found}

    async def picture(self, level: Level) -> str:
        """The map as an SVG heat map: green where supply outweighs demand, red where needs wait."""
        found = await self.map(level)
        weight: Counter[str] = Counter()
        by_region: Counter[str] = Counter()
        for cell in found.items:
            weight[cell.ipc] += cell.patents + cell.needs
            by_region[cell.region_code or ""] += cell.patents + cell.needs
        rows = [code for code, _ in weight.most_common(_ROWS)]
        columns = [code for code, _ in by_region.most_common(_COLUMNS)]
        return drawn(found, rows, columns, await self.names(rows, columns))


def drawn(found: SupplyDemandMap, rows: list[str], columns: list[str], names: dict[str, str]) -> str:
    """A heat map of some classes and provinces; each cell says patents on offer / open needs."""
    chinese = context.language.get() == "zh"
    cells = {(cell.ipc, cell.region_code or ""): cell for cell in found.items}
    most = max((max(cell.patents, cell.needs) for cell in found.items), default=0) or 1
    width, height = _LEFT + _CELL * max(len(columns), 4) + 20, _TOP + 26 * max(len(rows), 1) + 40
    title = "专利供给与技术需求" if chinese else "Patents on offer against open needs"
    legend = (
        "供给 / 需求；绿色供大于求，红色求大于供"
        if chinese
        else "patents / needs; green: more supply, red: more demand"
    )
    nothing = "尚无数据" if chinese else "nothing to show yet"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Noto Sans CJK SC, Microsoft YaHei, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="24" font-size="16" font-weight="bold">{title}</text>',
        f'<text x="12" y="44" fill="#555">{legend}</text>',
    ]
    if not rows:
        parts.append(f'<text x="12" y="{_TOP}" fill="#555">{nothing}</text>')
    for number, column in enumerate(columns):
        x = _LEFT + _CELL * number + _CELL // 2
        name = names.get(column, column) or ("未注明" if chinese else "not said")
        parts.append(f'<text x="{x}" y="{_TOP - 10}" text-anchor="middle">{escape(_cut(name, 8))}</text>')
    for line, row in enumerate(rows):
        y = _TOP + 26 * line
        name = f"{row} {names.get(row, '')}"
        parts.append(f'<text x="12" y="{y + 17}">{escape(_cut(name, 26))}<title>{escape(name)}</title></text>')
        for number, column in enumerate(columns):
            cell = cells.get((row, column))
            patents, needs = (cell.patents, cell.needs) if cell else (0, 0)
            x = _LEFT + _CELL * number
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="24" rx="3" fill="{_color(patents, needs, most)}"/>'
            )
            if patents or needs:
                parts.append(
                    f'<text x="{x + _CELL // 2 - 1}" y="{y + 16}" text-anchor="middle">{patents} / {needs}</text>'
                )
    return "\n".join([*parts, "</svg>"])


def _cut(name: str, width: int) -> str:
    """A name in so many half-width places; a Chinese sign takes two of them."""
    room = width
    for at, sign in enumerate(name):
        room -= 1 if sign.isascii() else 2
        if room < 0:
            return name[:at].rstrip("；;、, ") + "…"
    return name


def _color(patents: int, needs: int, most: int) -> str:
    """Green to red by balance, stronger with more of either."""
    if not patents and not needs:
        return "#f3f3f3"
    strength = 0.25 + 0.75 * (max(patents, needs) / most) ** 0.5
    lean = (patents - needs) / (patents + needs)
    red, green, blue = (120, 190, 110) if lean > 0 else (225, 110, 90)
    mixed = [round(245 + (part - 245) * strength * (0.3 + 0.7 * abs(lean))) for part in (red, green, blue)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
