"""What licensing speaks about payments beside deals: providers and their notices, silence, the calendar, policies."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.catalog import DocumentIds, Signatory
from shared.contracts.licensing import PaymentState
from shared.contracts.values import Money
from shared.contracts.wire import Ask, Cursor, Instant, LegalDay, Limit, Line, Reply, Resource


class ProviderDraft(Ask):
    """A payment provider (a bank, a payment institution) whose notices count as proof that money has arrived."""

    name: Line
    payee_ids: (
        Annotated[list[Annotated[str, Field(pattern=r"^org_[0-9a-z_]{1,40}$")]], Field(min_length=1, max_length=1_000)]
        | None
    ) = Field(default=None, description="The payees whose accounts it keeps; null for all")


class Provider(Resource):
    """A registered provider; its secret is shown once, when it is made."""

    organization_id: str
    name: str
    payee_ids: list[str] | None
    previous_until: Instant | None = Field(description="Until when the secret before the last rotation counts too")
    retired_at: Instant | None


class ProviderSecret(Provider):
    """A provider with its secret, shown this once."""

    secret: str = Field(description="Standard Webhooks: whsec_ and 32 bytes in Base64")


class PaymentNotice(Ask):
    """What a provider found on the payee's account; one of `payment_id`, `request_id`, `license_id` says what it pays."""

    payment_id: Annotated[str, Field(pattern=r"^pay_[0-9a-z]{1,40}$")] | None = None
    request_id: Annotated[str, Field(pattern=r"^olr_[0-9a-z]{1,40}$")] | None = None
    license_id: Annotated[str, Field(pattern=r"^lic_[0-9a-z]{1,40}$")] | None = None
    amount: Money
    paid_on: LegalDay
    reference: Annotated[Line, Field(max_length=100)] = Field(description="The bank's number of the transfer")


class PaymentTaken(Reply):
    """The payment that a notice settled, or had settled before."""

    payment_id: str
    request_id: str | None
    license_id: str | None
    amount: Money
    paid_on: date
    reference: str
    state: PaymentState


class Paged(Ask):
    """A list without filters: where it goes on, and how much of it."""

    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class SettlementRuleDraft(Ask):
    """That a payee lets its silence settle payments which were reported with evidence (Civil Code Art. 140)."""

    signatory: Signatory
    document_ids: DocumentIds = []


class SettlementRule(Resource):
    """A payee's word that its silence of five working days settles a payment."""

    organization_id: str
    signatory: Signatory
    document_ids: list[str]
    revoked_at: Instant | None = Field(description="Payments reported from then on wait for the payee's word")


class DayKind(StrEnum):
    """What a day is: a holiday, a weekend day on which people work, or what its weekday says."""

    HOLIDAY = "HOLIDAY"
    WORKDAY = "WORKDAY"
    ORDINARY = "ORDINARY"


class CalendarDayIn(Ask):
    """A day of the calendar."""

    day: LegalDay
    kind: DayKind


class CalendarDraft(Ask):
    """Days as the State Council announces them; each replaces what was known of it."""

    days: Annotated[list[CalendarDayIn], Field(min_length=1, max_length=366)]
    source: Line = Field(description="The announcement, with its number")


class CalendarDay(Reply):
    """A day that is not what its weekday says, and where that stands."""

    day: date
    kind: DayKind
    source: str


class Calendar(Reply):
    """The days of a year that are not what their weekday says."""

    year: int
    is_announced: bool = Field(description="False: only the holidays of fixed days are known")
    days: list[CalendarDay]


class PolicyName(StrEnum):
    """What the platform keeps as data, because an office or the operator may change it."""

    OPEN_LICENSE_LUMP_SUM_MOST = "OPEN_LICENSE_LUMP_SUM_MOST"
    OPEN_LICENSE_SALES_RATE_MOST = "OPEN_LICENSE_SALES_RATE_MOST"
    OPEN_LICENSE_PROFIT_RATE_MOST = "OPEN_LICENSE_PROFIT_RATE_MOST"
    OPEN_LICENSE_MONTHS_LEAST = "OPEN_LICENSE_MONTHS_LEAST"
    OPEN_LICENSE_AD_WORDS = "OPEN_LICENSE_AD_WORDS"
    DUNNING_STEPS = "DUNNING_STEPS"


class PolicyDraft(Ask):
    """A figure from a day on, and where it stands."""

    name: PolicyName
    value: Annotated[str, Field(min_length=1, max_length=2000)] = Field(
        description="An amount, a rate, months, days as `1,15,30`, or words as `稳赚,最佳`; it replaces the one before",
        examples=["20000000.00"],
    )
    valid_from: LegalDay
    source: Line


class Policy(Reply):
    """A figure from a day on."""

    name: PolicyName
    value: str
    valid_from: date
    source: str
    state: Literal["PAST", "CURRENT", "COMING"]
