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


def status_of(row: Any, today: date) -> LegalStatus:
    """The legal status of a patent's row on a day."""
    standing = Standing.restored(row.standing)
    return on(standing, PatentType(row.patent_type), row.filing_date, today, FRESH_DAYS, row.grant_date)


def expiry_of(row: Any) -> date | None:
    """The last day of a patent's term, None while its filing date is unknown."""
    return expires_on(Standing.restored(row.standing), PatentType(row.patent_type), row.filing_date)


def others(row: Any) -> Sequence[Holder]:
    """The owners beside the one for whom the record is kept: whoever it names as its keeper, else the first."""
    owners = [Holder.model_construct(**holder) for holder in row.holders]
    keeper = next((o for o in owners if o.organization_id == row.organization_id), owners[0] if owners else None)
    return [owner for owner in owners if owner is not keeper]


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
    standing, co_owners = Standing.restored(row.standing), others(row)
    if given:
        standing = standing.model_copy(update={"consents": (*standing.consents, *given)})
    return Target(
        id=row.id,
        patent_type=PatentType(row.patent_type),
        status=on(standing, PatentType(row.patent_type), row.filing_date, today, FRESH_DAYS, row.grant_date),
        filed_on=row.filing_date,
        is_granted=granted(row.publication_number, row.grant_date is not None),
        standing=standing,
        is_co_owned=bool(co_owners),
        has_shares=all(holder.get("share") for holder in row.holders),
        agreed=agreed_acts(standing, co_owners) if co_owners else frozenset(),
    )
