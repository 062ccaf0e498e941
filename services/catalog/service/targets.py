"""A patent's row as the rules see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.catalog.rules.eligibility import Target, agreed_acts
from services.catalog.rules.intake import granted
from services.catalog.rules.status import Standing, expires_on, on
from services.catalog.settings import FRESH_DAYS
from shared.auth import Caller
from shared.contracts.catalog import Consent, ConsentRole, EncumbranceKind, Holder, LegalStatus
from shared.contracts.values import PatentType


def status_and_expiry(row: Any, today: date) -> tuple[LegalStatus, date | None]:
    """The legal status of a patent's row on a day, and the last day of its term (None: filing date unknown)."""
    standing, kind = Standing.restored(row.standing), PatentType(row.patent_type)
    status = on(standing, kind, row.filing_date, today, FRESH_DAYS, row.grant_date)
    return status, expires_on(standing, kind, row.filing_date)


def status_of(row: Any, today: date) -> LegalStatus:
    """The legal status of a patent's row on a day."""
    return status_and_expiry(row, today)[0]


def expiry_of(row: Any) -> date | None:
    """The last day of a patent's term, None while its filing date is unknown."""
    return expires_on(Standing.restored(row.standing), PatentType(row.patent_type), row.filing_date)


def keeper_at(row: Any) -> int | None:
    """Which holder a record is kept for: the one of the keeper's id or credit code, else the first that has neither.

    None where all have one and none is the keeper's: somebody keeps the record for strangers.
    """
    for at, holder in enumerate(row.holders):
        code = holder.get("uscc")
        if holder.get("organization_id") == row.organization_id or (code and code == row.keeper_uscc):
            return at
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
