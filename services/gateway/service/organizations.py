"""Organizations: registered by a member, verified by the operator."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from services.gateway import models, rules
from services.gateway.service.documents import check_named
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.access import OrganizationType
from shared.contracts.gateway import (
    Contact,
    Organization,
    OrganizationDraft,
    OrganizationPatch,
    Parties,
    PartiesQuery,
    PartyOut,
    SmeClass,
    Verification,
    VerificationDraft,
)
from shared.contracts.values import Money
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx, violated
from shared.errors import Conflict, InvalidInput, NotFound, StaleVersion
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal

_FIELDS = (
    "external_id", "uscc", "name", "type", "state_owned", "parent_id", "region_code", "industry_code", "staff_count",
)  # fmt: skip


def no_organization() -> NotFound:
    """For an unknown id, and for one that the caller has no business with."""
    return NotFound("there is no such organization", "没有该组织")


def refuse(no: Refusal | None) -> None:
    """Raises: InvalidInput, when the input alone breaks a rule."""
    if no is not None:
        raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))


class Organizations:
    """Use cases on organizations."""

    def __init__(self, db: Database, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock

    async def register(self, draft: OrganizationDraft, by: Caller) -> Organization:
        """Bring an organization in; it stays PENDING until the operator has verified it."""
        refuse(rules.is_identified(draft.type, draft.uscc) or rules.may_register(draft.type, by.is_operator))
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            if draft.parent_id:
                await self._visible(tx, draft.parent_id, by)
            id_ = new_id("org")
            plain = dump(draft)
            values = {
                **{name: plain[name] for name in _FIELDS},
                "annual_revenue": plain["annual_revenue"],
                "contacts": plain["contacts"],
                "id": id_,
                "version": 1,
                "created_at": now,
                "updated_at": now,
                "verification": Verification.PENDING,
                "registered_by": by.organization_id,
            }
            try:
                await tx.execute(insert(models.organization).values(values))
            except IntegrityError as error:
                raise _taken(error) from None
            answer = await self._loaded(tx, id_, by)
            await models.feed.append(tx, [change("organization.registered", id_, id_, now, {"type": draft.type.value})])
            return await self._acts.answer(tx, answer)

    async def _loaded(self, tx: Tx, id_: str, by: Caller) -> Organization:
        row = (await tx.execute(select(models.organization).where(models.organization.c.id == id_))).one()
        return _organization(row, by)

    async def _visible(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.organization).where(models.organization.c.id == id_))).first()
        if row is None or not (by.may_touch(id_) or row.registered_by == by.organization_id):
            raise no_organization()
        return row

    async def get(self, id_: str, by: Caller) -> Organization:
        """One's own organization, one that one brought in, any for the operator."""
        async with self._db.read() as tx:
            return _organization(await self._visible(tx, id_, by), by)

    async def page(
        self, verification: Verification | None, external_id: str | None, after: str | None, limit: int, by: Caller
    ) -> Page[Organization]:
        """The organizations that the caller may see, newest first."""
        table = models.organization
        found = []
        if not by.is_operator:
            found.append(or_(table.c.id == by.organization_id, table.c.registered_by == by.organization_id))
        if verification:
            found.append(table.c.verification == verification)
        if external_id:
            found.append(table.c.external_id == external_id)
        scope = ("organizations", by.organization_id, verification, external_id)
        statement = select(table).where(and_(True, *found))
        async with self._db.read() as tx:
            key = (table.c.created_at, table.c.id)
            rows, more = await self._cursors.page(tx, statement, key, scope, after, limit)
        return Page(
            items=[_organization(row, by) for row in rows],
            next=more,
        )

    async def patch(self, id_: str, patch: OrganizationPatch, version: int, by: Caller) -> Organization:
        """Change contacts, figures, codes; name, type and credit code stay as they were verified."""
        now = self._clock.now()
        async with self._db.write() as tx:
            row = (
                await tx.execute(select(models.organization).where(models.organization.c.id == id_).with_for_update())
            ).first()
            if row is None or not by.may_touch(id_):
                raise no_organization()
            if row.version != version:
                raise StaleVersion(
                    f"the organization is at version {row.version} now; read it again",
                    f"组织信息已更新至版本 {row.version}，请重新读取",
                )
            given = patch.model_dump(mode="json", exclude_unset=True)
            if "contacts" in given:
                given["contacts"] = given["contacts"] or []
            try:
                await tx.execute(
                    update(models.organization)
                    .where(models.organization.c.id == id_)
                    .values(**given, version=row.version + 1, updated_at=now)
                )
            except IntegrityError as error:
                raise _taken(error) from None
            await models.feed.append(tx, [change("organization.changed", id_, id_, now, {})])
            return await self._loaded(tx, id_, by)

    async def verify(self, id_: str, finding: VerificationDraft, by: Caller) -> Organization:
        """Record the operator's finding; the newest counts."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            found = await tx.execute(
                update(models.organization)
                .where(models.organization.c.id == id_)
                .values(verification=finding.verification, version=models.organization.c.version + 1, updated_at=now)
            )
            if not found.rowcount:
                raise no_organization()
            await check_named(tx, finding.document_ids, by)
            await tx.execute(
                insert(models.verification).values(
                    organization_id=id_,
                    verification=finding.verification,
                    reason=finding.reason,
                    document_ids=finding.document_ids,
                    at=now,
                    by=by.client_id,
                )
            )
            answer = await self._loaded(tx, id_, by)
            type_ = (
                "organization.verified" if finding.verification is Verification.VERIFIED else "organization.rejected"
            )
            await models.feed.append(tx, [change(type_, id_, id_, now, {})])
            return await self._acts.answer(tx, answer)

    async def parties(self, query: PartiesQuery) -> Parties:
        """Organizations as parties of a contract, for other services."""
        table = models.organization
        async with self._db.read() as tx:
            found = await tx.execute(select(table).where(table.c.id.in_(query.organization_ids)))
        return Parties(items=[_party(row) for row in found])

    async def count(self) -> int:
        """How many there are: none on the very first start."""
        async with self._db.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(models.organization)) or 0)


def _size(row: Row[Any]) -> SmeClass | None:
    revenue = Decimal(row.annual_revenue["amount"]) if row.annual_revenue else None
    return rules.sme_class(OrganizationType(row.type), row.industry_code, row.staff_count, revenue)


def _party(row: Row[Any]) -> PartyOut:
    names = ("id", "name", "uscc", "type", "state_owned", "region_code", "verification")
    return PartyOut(**{name: row._mapping[name] for name in names}, sme_class=_size(row), sample=row.is_sample)


def _organization(row: Row[Any], by: Caller) -> Organization:
    revenue = Money.model_validate(row.annual_revenue) if row.annual_revenue else None
    private = by.may_touch(row.id)
    return Organization(
        **{name: row._mapping[name] for name in _FIELDS if name not in ("staff_count",)},
        id=row.id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        staff_count=row.staff_count if private else None,
        annual_revenue=revenue if private else None,
        sme_class=_size(row),
        contacts=[Contact.model_validate(contact) for contact in row.contacts] if private else [],
        verification=Verification(row.verification),
        sample=row.is_sample,
    )


def _taken(error: IntegrityError) -> Exception:
    name = violated(error)
    if name == "uq_organization_uscc":
        return Conflict(
            "an organization with this credit code is already registered",
            "该统一社会信用代码已登记",
            code="organization_taken",
        )
    if "registered_by" in name:
        return Conflict(
            "another organization of yours has this external_id", "该 external_id 已被使用", code="external_id_taken"
        )
    return error
