"""A patent's row as the rules see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import ColumnElement

from services.catalog import models
from services.catalog.rules.eligibility import Target, agreed_acts
from services.catalog.rules.intake import granted
from services.catalog.rules.status import ALIVE, GRACE_MONTHS, OWES_FEES, SUSPENDS, Standing, expires_on, on
from services.catalog.rules.term import AMENDED
from services.catalog.settings import FRESH_DAYS
from shared.auth import Caller
from shared.contracts.catalog import Consent, ConsentRole, EncumbranceKind, Holder, LegalState, LegalStatus
from shared.contracts.values import PatentType


def status_and_expiry(row: Any, today: date) -> tuple[LegalStatus, date | None]:
    """The legal status of a patent's row on a day, and the last day of its term (None: filing date unknown)."""
    standing, kind = Standing.restored(row.standing), PatentType(row.patent_type)
    status = on(standing, kind, row.filing_date, today, FRESH_DAYS, row.grant_date)
    return status, expires_on(standing, kind, row.filing_date)


def status_of(row: Any, today: date) -> LegalStatus:
    """The legal status of a patent's row on a day."""
    standing = Standing.restored(row.standing)
    return on(standing, PatentType(row.patent_type), row.filing_date, today, FRESH_DAYS, row.grant_date)


def expiry_of(row: Any) -> date | None:
    """The last day of a patent's term, None while its filing date is unknown."""
    return expires_on(Standing.restored(row.standing), PatentType(row.patent_type), row.filing_date)


def state_on(today: date) -> ColumnElement[Any]:
    """The legal state of patents on a day, in SQL: what `status_of` says, for lists that filter by it.

    PostgreSQL adds years and months as rules do: where the day does not exist, the last one of the month.
    """
    patent, says = models.patent.c, models.patent.c.standing
    order = func.jsonb_array_elements(says["encumbrances"], type_=JSONB).column_valued("one")
    until = cast(order["until"].astext, Date)
    orders = select(func.bool_and(and_(until.is_not(None), until < today))).where(
        order["kind"].astext.in_([kind.value for kind in SUSPENDS]), order["released_on"].astext.is_(None)
    )
    has_rested = func.coalesce(orders.scalar_subquery(), False)
    before = func.coalesce(says["before_suspension"].astext, LegalState.IN_FORCE.value)
    is_suspended = says["state"].astext == LegalState.SUSPENDED.value
    state: ColumnElement[Any] = case((and_(is_suspended, has_rested), before), else_=says["state"].astext)
    paid_until = cast(says["fees_paid_until"].astext, Date)
    owes = and_(state.in_([each.value for each in OWES_FEES]), paid_until < today)
    in_grace = paid_until + func.make_interval(0, GRACE_MONTHS) >= today
    state = case(
        (and_(owes, in_grace), LegalState.FEE_GRACE_PERIOD.value),
        (owes, LegalState.LAPSED_UNPAID_FEE.value),
        else_=state,
    )
    is_new_design = and_(patent.patent_type == PatentType.DESIGN.value, patent.filing_date >= AMENDED)
    years = case((patent.patent_type == PatentType.INVENTION.value, 20), (is_new_design, 15), else_=10)
    days = func.coalesce(cast(says["compensation_days"].astext, Integer), 0)
    last_day = cast(patent.filing_date + func.make_interval(years), Date) + days
    is_alive = state.in_([each.value for each in ALIVE])
    return case((and_(is_alive, last_day < today), LegalState.EXPIRED.value), else_=state)


def keeper_at(row: Any) -> int | None:
    """Which holder a record is kept for: the one of the keeper's id or credit code, else the first that has neither.

    None where all have one and none is the keeper's: somebody keeps the record for strangers. After a recorded
    transfer a holder without either is whoever it was assigned to, and not the keeper.
    """
    for at, holder in enumerate(row.holders):
        code = holder.get("uscc")
        if holder.get("organization_id") == row.organization_id or (code and code == row.keeper_uscc):
            return at
    if Standing.restored(row.standing).holders is not None:
        return None
    if row.keeper_uscc is None:
        return 0
    is_known = [bool(holder.get("uscc") or holder.get("organization_id")) for holder in row.holders]
    return is_known.index(False) if False in is_known else None


def role_of(row: Any, by: Caller, today: date) -> tuple[ConsentRole, str] | None:
    """As what the caller has a say in acts on a patent, and under which name: owner, pledgee, or None."""
    for holder in row.holders:
        if holder.get("organization_id") == by.organization_id or (by.uscc and holder.get("uscc") == by.uscc):
            return ConsentRole.CO_OWNER, holder["name"]
    for pledge in Standing.restored(row.standing).active(EncumbranceKind.PLEDGE, today):
        if by.uscc and pledge.party_uscc == by.uscc:
            return ConsentRole.PLEDGEE, pledge.party or ""
    return None


def target_of(row: Any, today: date, given: Sequence[Consent] = ()) -> Target:
    """What the rules of eligibility look at; `given` are consents to the terms at hand, beside the recorded ones."""
    standing, keeper = Standing.restored(row.standing), keeper_at(row)
    others = [Holder.model_construct(**holder) for at, holder in enumerate(row.holders) if at != keeper]
    if given:
        standing = standing.model_copy(update={"consents": (*standing.consents, *given)})
    return Target(
        id=row.id,
        patent_type=PatentType(row.patent_type),
        status=on(standing, PatentType(row.patent_type), row.filing_date, today, FRESH_DAYS, row.grant_date),
        filed_on=row.filing_date,
        is_granted=granted(row.publication_number, row.grant_date is not None),
        standing=standing,
        is_keepers_own=keeper is not None,
        is_co_owned=len(row.holders) > 1,
        has_shares=all(holder.get("share") for holder in row.holders),
        agreed=agreed_acts(standing, others) if others else frozenset(),
    )
