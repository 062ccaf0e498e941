"""What licensing speaks of a license's income: the ledger, benefit rules, distributions, statements, reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.contracts.catalog import DocumentIds, HoldingCount, LicenseType, Signatory
from shared.contracts.gateway import SmeClass
from shared.contracts.licensing import Acknowledged, AvailableAct, DossierPatent
from shared.contracts.values import Money, Rate, Uscc
from shared.contracts.wire import Ask, Cursor, ExternalId, Instant, LegalDay, Limit, Line, Reply, Resource
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

LicenseId = Annotated[str, Field(pattern=r"^lic_[0-9a-z]{1,40}$")]
Share = Annotated[str, Field(pattern=r"^(100(\.0{1,2})?|[1-9]?\d(\.\d{1,2})?)$", examples=["60"])]


class DistributionState(StrEnum):
    """How far a distribution 收益分配 has come."""

    COMPUTED = "COMPUTED"
    APPROVED = "APPROVED"
    PAID = "PAID"
    WITHDRAWN = "WITHDRAWN"


class DistributionAct(StrEnum):
    """What is done about a distribution, by the name of its route."""

    APPROVAL = "approval"
    PAYOUTS = "payouts"
    WITHDRAWAL = "withdrawal"


class UnitPart(Ask):
    """What a part of the unit gets, as a rate of the whole net income."""

    name: Line
    rate: Rate


@rule("BEN-SUM", source=Text("the sum of all shares is the whole", "各项分配比例之和应为100%"), since="2026-11-30")
def check_rates(persons_rate: str, parts: list[UnitPart]) -> None:
    """The persons' rate and those of the unit's parts make the whole; without parts the unit keeps what is left."""
    total = Decimal(persons_rate) + sum((Decimal(part.rate) for part in parts), Decimal(0))
    if total > 1 or (parts and total != 1):
        raise Refused(
            Refusal(
                "BEN-SUM",
                Text(f"the rates make {total:.2%}, not 100%", f"各项比例合计为{total:.2%}，不是100%"),
                Text("let persons_rate and unit_parts add up to 1", "请使 persons_rate 与 unit_parts 各项之和等于 1"),
            )
        )


class BenefitRuleDraft(Ask):
    """A unit's rule for its license income 科技成果转化收益分配规定; a later one takes its place from its first day on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "科技成果转化收益分配办法（2026）",
                    "persons_rate": "0.7",
                    "unit_parts": [{"name": "所在学院", "rate": "0.2"}, {"name": "学校", "rate": "0.1"}],
                    "published_on": "2026-03-01",
                    "valid_from": "2026-04-01",
                    "document_ids": ["doc_0f3a"],
                }
            ]
        }
    )

    name: Line
    persons_rate: Rate = Field(
        description="What the people who made it get of the net income; state units: 0.5 or more"
    )
    unit_parts: Annotated[list[UnitPart], Field(max_length=20)] = []
    published_on: LegalDay = Field(description="When it was made public inside the unit")
    valid_from: LegalDay
    document_ids: DocumentIds = []
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_rates(self.persons_rate, self.unit_parts)
        return self


class BenefitRule(Resource):
    """A unit's rule; it never changes."""

    organization_id: str
    name: str
    persons_rate: str
    unit_parts: list[UnitPart]
    published_on: date
    valid_from: date
    document_ids: list[str]


class BenefitRuleQuery(Ask):
    """Filters of benefit rules."""

    valid_on: LegalDay | None = Field(default=None, description="The one rule that is valid on this day")
    external_id: str | None = Field(default=None, max_length=128)
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class Deduction(Ask):
    """A cost of the deal that is taken off before income is shared."""

    kind: Literal["TAX", "AGENCY_FEE", "VALUATION_FEE", "MAINTENANCE_FEE", "OTHER"]
    amount: Money
    borne_by: Literal["ALL_OWNERS", "OWN_SHARE"] = "OWN_SHARE"
    note: Line | None = None


class OwnerShare(Ask):
    """What an owner gets by agreement of all owners, in per cent."""

    name: Line
    uscc: Uscc | None = None
    share: Share


class RewardedPerson(Ask):
    """Somebody who made the achievement or brought it into use 完成、转化科技成果的人员."""

    name: Line
    inventor_id: Annotated[str, Field(max_length=60)] | None = None
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class DistributionDraft(Ask):
    """All of a license's income that has arrived and was not distributed yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "license_id": "lic_0f3a",
                    "deductions": [{"kind": "TAX", "amount": {"amount": "1800.00"}}],
                    "persons": [{"name": "王工", "weight": 2}, {"name": "李工", "weight": 1}],
                }
            ]
        }
    )

    license_id: LicenseId
    deductions: Annotated[list[Deduction], Field(max_length=50)] = []
    owner_shares: Annotated[list[OwnerShare], Field(min_length=1, max_length=40)] | None = Field(
        default=None, description="Where the owners agreed on other shares than the recorded ones, with the agreement"
    )
    persons: Annotated[list[RewardedPerson], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Else the recorded inventors, in equal parts"
    )
    document_ids: DocumentIds = []
    acknowledged_rules: Acknowledged = []
    external_id: ExternalId | None = None


class Approval(Ask):
    """The unit approves a distribution."""

    signatory: Signatory
    document_ids: DocumentIds = []


class DistributionWithdrawal(Ask):
    """Why a distribution is taken back."""

    reason: Line


class Payout(Ask):
    """What was paid to the parties of a distribution; without part_ids, all that is open."""

    part_ids: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=250)] | None = None
    paid_on: LegalDay
    reference: Line
    document_ids: DocumentIds = []


class DistributionPart(Reply):
    """What somebody is due, and when it was paid."""

    id: str
    kind: Literal["CO_OWNER", "PERSON", "UNIT"]
    name: str
    uscc: str | None
    inventor_id: str | None
    amount: Money
    paid_on: date | None
    reference: str | None


class DistributionFigures(Reply):
    """A distribution as it is computed: gross = common costs + what the co-owners get + the unit's own share."""

    license_id: str
    gross: Money
    common_costs: Money
    own_share: Money | None = Field(
        description="Of the unit that computed it; null for a co-owner, who sees its own part"
    )
    own_costs: Money | None
    net: Money | None = Field(description="The unit's net license income 许可净收入")
    persons_amount: Money | None
    persons_rate: str | None
    basis: Literal["BENEFIT_RULE", "STATUTORY", "NONE"] | None
    benefit_rule_id: str | None
    deductions: list[Deduction]


class DistributionPreviewPart(Reply):
    """What somebody would be due."""

    kind: Literal["CO_OWNER", "PERSON", "UNIT"]
    name: str
    uscc: str | None
    inventor_id: str | None
    amount: Money


class DistributionPreview(DistributionFigures):
    """What a distribution would come to; nothing is stored."""

    parts: list[DistributionPreviewPart]


class Distribution(DistributionFigures, Resource):
    """A distribution; a co-owner sees its own part of it."""

    organization_id: str
    parts: list[DistributionPart]
    approved_on: date | None
    reason: str | None
    document_ids: list[str]
    state: DistributionState
    sample: bool
    available_acts: list[AvailableAct]


class DistributionQuery(Ask):
    """Filters of distributions."""

    license_id: str | None = Field(default=None, max_length=60)
    state: DistributionState | None = None
    external_id: str | None = Field(default=None, max_length=128)
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


# The ledger


class LedgerAccount(StrEnum):
    """What a line of the ledger counts; debits are positive, credits negative, and each entry makes nothing."""

    RECEIVED = "RECEIVED"
    HELD = "HELD"
    DUE = "DUE"
    COSTS = "COSTS"


class LedgerLine(Reply):
    """A side of an entry."""

    account: LedgerAccount
    party: str | None = Field(description="The part of a distribution, of a line on DUE")
    amount: str = Field(description="Yuan; a debit is positive, a credit negative", examples=["-30000.00"])


class LedgerEntry(Reply):
    """Money that arrived, was shared out or paid out: its lines sum to nothing."""

    position: int
    kind: Literal["SETTLED", "REFUNDED", "DISTRIBUTED", "WITHDRAWN", "PAID_OUT"]
    deal_id: str = Field(description="The license, or the notice under an open license")
    subject: str = Field(description="The payment or distribution that it is about")
    on: date
    at: Instant
    lines: list[LedgerLine]


class LedgerQuery(Ask):
    """Filters of the ledger."""

    deal_id: str | None = Field(default=None, max_length=60)
    first_day: LegalDay | None = None
    last_day: LegalDay | None = None
    after: Cursor | None = None
    limit: Limit = 50


class LedgerBalances(Reply):
    """What stands on the accounts: together, nothing."""

    balances: dict[LedgerAccount, str]
    total: str


# Statements and reports


Year = Annotated[int, Field(ge=1985, le=2199)]


class StatementQuery(Ask):
    """Whose statements, of which year."""

    year: Year
    inventor_id: str | None = Field(default=None, max_length=60)
    name: str | None = Field(default=None, max_length=500)
    after: Cursor | None = None
    limit: Limit = 20


class StatementPaper(Ask):
    """The statement of one person on paper."""

    year: Year
    inventor_id: str | None = Field(default=None, max_length=60)
    name: str | None = Field(default=None, max_length=500)
    format: Literal["pdf", "docx"] = "pdf"
    language: Literal["zh", "bilingual"] = "zh"


class StatementItem(Reply):
    """What a person is due from one distribution."""

    distribution_id: str
    license_id: str
    titles: list[str]
    approved_on: date
    net: Money
    amount: Money
    paid_on: date | None
    reference: str | None


class InventorStatement(Reply):
    """What one person is due of what was approved in a year, and what of it was paid."""

    name: str
    inventor_id: str | None
    year: int
    items: list[StatementItem]
    total: Money
    paid: Money


class ReportLicense(Reply):
    """A license that took effect in the year, or earned something in it."""

    license_id: str
    titles: list[str]
    numbers: list[str]
    license_type: LicenseType
    way: Literal["OPEN_LICENSE", "OFFER", "QUICK_LICENSE"]
    licensee: str
    licensee_size: SmeClass | None = Field(
        description="As the firm told of itself; null when it is no small firm, or unknown"
    )
    agreed_on: date
    effective_on: date
    agreed: Money | None = Field(description="What was agreed on in fixed sums; null of a royalty alone")
    has_royalty: bool
    received: Money = Field(description="What arrived in the year")


class ReportDistribution(Reply):
    """A distribution that was approved in the year."""

    distribution_id: str
    license_id: str
    titles: list[str]
    approved_on: date
    gross: Money
    costs: Money
    co_owners: Money
    net: Money
    persons: Money
    rewarded: int = Field(description="How many people")
    unit: Money
    ratio: str | None = Field(description="The persons' part of the net income")


class ReportTotals(Reply):
    """The report's sums."""

    licenses: int = Field(description="Licenses that took effect in the year")
    by_way: dict[str, int]
    small_firms: int = Field(description="Distinct small and medium firms among their licensees")
    agreed: Money
    received: Money
    net: Money
    persons: Money
    rewarded: int = Field(description="Distinct people")


class ConversionReport(Reply):
    """The yearly report on the transformation of achievements 科技成果转化年度报告 (Art. 21), as far as the platform knows."""

    organization_id: str
    organization_name: str
    uscc: str | None
    year: int
    holdings: list[HoldingCount]
    licenses: list[ReportLicense]
    distributions: list[ReportDistribution]
    totals: ReportTotals
    to_add: list[str] = Field(description="What the report asks for and the platform does not know")


class RegistrationParty(Reply):
    """A side of a technology contract."""

    name: str
    uscc: str | None
    region_code: str | None = None
    kind: str | None = None


class ContractRegistration(Reply):
    """What a registry of technology contracts 技术合同认定登记 asks of a license."""

    license_id: str
    contract_name: str
    contract_kind: str
    license_type: LicenseType
    sellers: list[RegistrationParty]
    buyer: RegistrationParty
    patents: list[DossierPatent]
    signed_on: date
    effective_on: date
    ends_on: date
    industry_codes: list[str]
    contract_amount: Money | None = Field(description="Fixed sums; null where the fee is a royalty alone")
    technology_amount: Money | None = Field(description="Of it for technology: all, where nothing else is delivered")
    payment: list[str]
    terms_hash: str
    document_sha256: str | None
    to_add: list[str]
