"""What was earned and shared out, by person and by year."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.papers import statement, workbook
from services.licensing.rules import terms
from services.licensing.service.documents import File, printed
from services.licensing.service.money import money
from services.licensing.service.targets import Targets
from shared import context
from shared.auth import Caller
from shared.contracts.benefits import (
    ConversionReport,
    InventorStatement,
    ReportDistribution,
    ReportLicense,
    ReportTotals,
    StatementItem,
    StatementPaper,
    StatementQuery,
)
from shared.contracts.catalog import DealTarget, Fee, LicenseType
from shared.contracts.gateway import PartyOut
from shared.contracts.licensing import PaymentState
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import InvalidInput, Text
from shared.paging import Cursors

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MANY = 50  # what catalog and the gateway are asked for at once
_TO_ADD = (
    Text(
        "achievements that are not patents, and patents that are not on the platform",
        "非专利类科技成果及未在平台登记的专利",
    ),
    Text(
        "assignments, contributions as equity, joint and own exploitation", "转让、作价投资、合作实施和自行实施的情况"
    ),
    Text("rewards in shares or options, and income from them", "股权、期权奖励及其收益"),
)


class Reports:
    """Use cases on statements and yearly reports."""

    def __init__(self, db: Database, targets: Targets, cursors: Cursors) -> None:
        self._db, self._targets, self._cursors = db, targets, cursors

    # What a person is due

    async def statements(self, query: StatementQuery, by: Caller) -> Page[InventorStatement]:
        """What each person is due of what the caller approved in a year, by name."""
        part = models.distribution_part.c
        inventor = func.coalesce(part.inventor_id, "").label("inventor")
        persons = (
            _persons(query, by, select(part.name.label("name"), inventor)).group_by(part.name, inventor).subquery()
        )
        scope = ("statements", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx,
                select(persons),
                (persons.c.name, persons.c.inventor),
                scope,
                query.after,
                query.limit,
                falling=False,
            )
            found = await self._items(tx, query, by, [(row.name, row.inventor) for row in rows])
        return Page(items=[_statement(key, query.year, items) for key, items in found.items()], next=more)

    async def statement_file(self, query: StatementPaper, by: Caller) -> File:
        """The statement of one person on paper. Raises: InvalidInput, when these name nobody, or more than one."""
        asked = StatementQuery.model_validate(query.model_dump(include={"year", "inventor_id", "name"}))
        found = (await self.statements(asked, by)).items
        if len(found) != 1:
            raise InvalidInput(
                "no one person is due something by these: give inventor_id, or the name, of a statement of the year",
                "未找到唯一对应的人员，请填写该年度收益清单中的 inventor_id 或姓名",
                code="no_such_statement",
            )
        unit = (await self._targets.parties([by.organization_id]))[by.organization_id].name
        name = f"statement-{query.year}-{found[0].inventor_id or sha256(found[0].name.encode()).hexdigest()[:8]}"
        return await printed(statement(found[0], unit), name, query.format, query.language)

    async def _items(
        self, tx: Tx, query: StatementQuery, by: Caller, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], list[Row[Any]]]:
        part, table = models.distribution_part.c, models.distribution.c
        found: dict[tuple[str, str], list[Row[Any]]] = {key: [] for key in keys}
        columns = (
            part.name, part.inventor_id, part.fen, part.paid_on, part.reference, table.id, table.license_id,
            table.titles, table.approved_on, table.net_fen,
        )  # fmt: skip
        statement_ = _persons(query, by, select(*columns)).where(part.name.in_([name for name, _ in keys]))
        for row in await tx.execute(statement_.order_by(table.approved_on, table.id, part.at)):
            if (row.name, row.inventor_id or "") in found:
                found[row.name, row.inventor_id or ""].append(row)
        return found

    # What a unit has done in a year

    async def yearly(self, year: int, by: Caller) -> ConversionReport:
        """The yearly report of the caller (Art. 21): patents held, licenses, what arrived, how it was shared."""
        language = context.language.get()
        held = await self._targets.holdings(by.organization_id, year)
        async with self._db.read() as tx:
            received = await self._received(tx, by, year)
            licenses = await self._licenses(tx, by, year, received)
            distributions = await self._distributions(tx, by, year)
        patents = await self._patents({id_ for row in licenses for id_ in row.patent_ids})
        parties = await self._parties({by.organization_id, *(row.organization_id for row in licenses)})
        shown = [_license(row, received.get(row.id, 0), patents, parties) for row in licenses]
        me = parties[by.organization_id]
        return ConversionReport(
            organization_id=by.organization_id,
            organization_name=me.name,
            uscc=me.uscc,
            year=year,
            holdings=held,
            licenses=shown,
            distributions=[_distribution(row, parts) for row, parts in distributions],
            totals=_totals(year, licenses, shown, parties, distributions),
            to_add=[one.zh if language == "zh" else one.en for one in _TO_ADD],
        )

    async def yearly_file(self, year: int, by: Caller) -> File:
        """The same as a workbook with Chinese heads."""
        report = await self.yearly(year, by)
        return await asyncio.to_thread(workbook, report), _XLSX, f"conversion-report-{year}.xlsx"

    async def _received(self, tx: Tx, by: Caller, year: int) -> dict[str, int]:
        """What arrived in a year and was not returned, in fen, by license."""
        payment, license_ = models.payment.c, models.license_.c
        pays = or_(
            payment.license_id == license_.id,
            and_(license_.source_type == "OPEN_LICENSE", payment.request_id == license_.source_id),
        )
        statement_ = (
            select(license_.id, func.sum(payment.fen - payment.refunded_fen))
            .join(models.payment, pays)
            .where(
                license_.licensor_id == by.organization_id,
                payment.state == PaymentState.SETTLED,
                payment.paid_on.between(date(year, 1, 1), date(year, 12, 31)),
            )
            .group_by(license_.id)
        )
        return {id_: int(fen) for id_, fen in await tx.execute(statement_)}

    async def _licenses(self, tx: Tx, by: Caller, year: int, received: dict[str, int]) -> list[Row[Any]]:
        table = models.license_
        in_year = table.c.effective_on.between(date(year, 1, 1), date(year, 12, 31))
        statement_ = select(table).where(
            table.c.licensor_id == by.organization_id,
            table.c.effective_on.is_not(None),
            table.c.royalty_from.is_not(None),  # a trial is not a license that was sold, until its firm decides
            or_(in_year, table.c.id.in_(list(received))),
        )
        return list((await tx.execute(statement_.order_by(table.c.effective_on, table.c.id))).all())

    async def _distributions(self, tx: Tx, by: Caller, year: int) -> list[tuple[Row[Any], list[Row[Any]]]]:
        table = models.distribution
        statement_ = select(table).where(table.c.organization_id == by.organization_id, _approved_in(year))
        rows = (await tx.execute(statement_.order_by(table.c.approved_on, table.c.id))).all()
        parts = await models.parts_of(tx, [row.id for row in rows])
        return [(row, parts[row.id]) for row in rows]

    async def _patents(self, ids: set[str]) -> dict[str, DealTarget]:
        """Patents as they are named now; one that was removed with the sample is left out."""
        return {one.patent_id: one for one in await self._targets.named(sorted(ids))}

    async def _parties(self, ids: set[str]) -> dict[str, PartyOut]:
        found: dict[str, PartyOut] = {}
        for some in _portions(sorted(ids)):
            found |= await self._targets.parties(some)
        return found


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + _MANY] for at in range(0, len(ids), _MANY))


def _approved_in(year: int) -> ColumnElement[bool]:
    table = models.distribution.c
    return and_(table.withdrawn_on.is_(None), table.approved_on.between(date(year, 1, 1), date(year, 12, 31)))


def _persons(query: StatementQuery, by: Caller, statement_: Any) -> Any:
    """Parts of people in what the caller approved in a year."""
    part, table = models.distribution_part.c, models.distribution.c
    found = [
        table.id == part.distribution_id, table.organization_id == by.organization_id, part.kind == "PERSON",
        _approved_in(query.year),
    ]  # fmt: skip
    if query.inventor_id:
        found.append(part.inventor_id == query.inventor_id)
    if query.name:
        found.append(part.name == query.name)
    return statement_.where(*found)


def _statement(key: tuple[str, str], year: int, items: Sequence[Row[Any]]) -> InventorStatement:
    return InventorStatement(
        name=key[0],
        inventor_id=key[1] or None,
        year=year,
        items=[
            StatementItem(
                distribution_id=row.id, license_id=row.license_id, titles=row.titles, approved_on=row.approved_on,
                net=money(row.net_fen), amount=money(row.fen), paid_on=row.paid_on, reference=row.reference,
            )
            for row in items
        ],
        total=money(sum(row.fen for row in items)),
        paid=money(sum(row.fen for row in items if row.paid_on is not None)),
    )  # fmt: skip


def _license(
    row: Row[Any], received: int, patents: dict[str, DealTarget], parties: dict[str, PartyOut]
) -> ReportLicense:
    named = [patents[id_] for id_ in row.patent_ids if id_ in patents]
    licensee, fee = parties.get(row.organization_id), Fee.model_validate(row.terms["fee"])
    return ReportLicense(
        license_id=row.id,
        titles=[one.title for one in named],
        numbers=[one.application_number or one.publication_number or "" for one in named],
        license_type=LicenseType(row.license_type),
        way=cast(Any, row.source_type),
        licensee=licensee.name if licensee else row.organization_id,
        licensee_size=licensee.sme_class if licensee else None,
        agreed_on=row.agreed_on,
        effective_on=row.effective_on,
        agreed=None if fee.amount is None else money(terms.fen(fee.amount)),
        has_royalty=fee.rate is not None,
        received=money(received),
    )


def _distribution(row: Row[Any], parts: Sequence[Row[Any]]) -> ReportDistribution:
    def of(kind: str) -> int:
        return sum(part.fen for part in parts if part.kind == kind)

    return ReportDistribution(
        distribution_id=row.id,
        license_id=row.license_id,
        titles=row.titles,
        approved_on=row.approved_on,
        gross=money(row.gross_fen),
        costs=money(row.gross_fen - sum(part.fen for part in parts)),
        co_owners=money(of("CO_OWNER")),
        net=money(row.net_fen),
        persons=money(of("PERSON")),
        rewarded=sum(part.kind == "PERSON" for part in parts),
        unit=money(of("UNIT")),
        ratio=f"{Decimal(of('PERSON')) / row.net_fen:.4f}" if row.net_fen else None,
    )


def _totals(
    year: int,
    rows: Sequence[Row[Any]],
    shown: Sequence[ReportLicense],
    parties: dict[str, PartyOut],
    distributions: Sequence[tuple[Row[Any], Sequence[Row[Any]]]],
) -> ReportTotals:
    new = [(row, one) for row, one in zip(rows, shown, strict=True) if row.effective_on.year == year]
    people = [part for _, parts in distributions for part in parts if part.kind == "PERSON"]
    ways = [one.way for _, one in new]
    small = {row.organization_id for row, one in new if one.licensee_size is not None}
    return ReportTotals(
        licenses=len(new),
        by_way={way: ways.count(way) for way in ("OPEN_LICENSE", "OFFER", "QUICK_LICENSE")},
        small_firms=len(small),
        agreed=money(sum(terms.fen(one.agreed.amount) for _, one in new if one.agreed)),
        received=money(sum(terms.fen(one.received.amount) for one in shown)),
        net=money(sum(row.net_fen for row, _ in distributions)),
        persons=money(sum(part.fen for part in people)),
        rewarded=len({part.inventor_id or part.name for part in people}),
    )
