"""What licenses earn: benefit rules, distributions, the ledger, statements and reports."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Response

from services.licensing.api.base import PRINTED, WORKBOOK, Uses, file, router
from shared.auth import caller
from shared.contracts.benefits import (
    Approval,
    BenefitRule,
    BenefitRuleDraft,
    BenefitRuleQuery,
    ConversionReport,
    Distribution,
    DistributionDraft,
    DistributionPreview,
    DistributionQuery,
    DistributionWithdrawal,
    InventorStatement,
    LedgerBalances,
    LedgerEntry,
    LedgerQuery,
    Payout,
    StatementPaper,
    StatementQuery,
)
from shared.contracts.wire import Page


@router.post("/v1/benefit-rules", status_code=201)
async def record_benefit_rule(draft: BenefitRuleDraft, licensing: Uses) -> BenefitRule:
    """Record your unit's rule for sharing license income 收益分配规定; from its first day on it takes the last one's place."""
    return await licensing.distributions.decide(draft, caller())


@router.get("/v1/benefit-rules")
async def list_benefit_rules(query: Annotated[BenefitRuleQuery, Query()], licensing: Uses) -> Page[BenefitRule]:
    """Your unit's rules, newest first; with `valid_on` the one that holds on a day."""
    return await licensing.distributions.rules(query, caller())


@router.get("/v1/benefit-rules/{id}")
async def get_benefit_rule(id: str, licensing: Uses) -> BenefitRule:
    """A rule of your unit."""
    return await licensing.distributions.rule(id, caller())


@router.post("/v1/distribution-previews")
async def preview_distribution(draft: DistributionDraft, licensing: Uses) -> DistributionPreview:
    """What a distribution would come to; nothing is stored."""
    return await licensing.distributions.preview(draft, caller())


@router.post("/v1/distributions", status_code=201)
async def compute_distribution(draft: DistributionDraft, licensing: Uses) -> Distribution:
    """Share out what a license has earned 收益分配: among co-owners, the people who made it, and the unit."""
    return await licensing.distributions.compute(draft, caller())


@router.get("/v1/distributions")
async def list_distributions(query: Annotated[DistributionQuery, Query()], licensing: Uses) -> Page[Distribution]:
    """Distributions that you made or have a part in, newest first."""
    return await licensing.distributions.page(query, caller())


@router.get("/v1/distributions/{id}")
async def get_distribution(id: str, licensing: Uses) -> Distribution:
    """A distribution: whole for whoever made it; a co-owner sees its own part once it is approved."""
    return await licensing.distributions.get(id, caller())


@router.post("/v1/distributions/{id}/approval")
async def approve_distribution(id: str, approval: Approval, licensing: Uses) -> Distribution:
    """Approve a distribution: its parties are due what was computed."""
    return await licensing.distributions.approve(id, approval, caller())


@router.post("/v1/distributions/{id}/payouts")
async def pay_distribution(id: str, payout: Payout, licensing: Uses) -> Distribution:
    """Record what was paid to the parties of a distribution, all of them or some."""
    return await licensing.distributions.pay(id, payout, caller())


@router.post("/v1/distributions/{id}/withdrawal")
async def withdraw_distribution(id: str, withdrawal: DistributionWithdrawal, licensing: Uses) -> Distribution:
    """Take a distribution back while nobody was paid."""
    return await licensing.distributions.withdraw(id, withdrawal, caller())


@router.get("/v1/ledger-entries")
async def list_ledger_entries(query: Annotated[LedgerQuery, Query()], licensing: Uses) -> Page[LedgerEntry]:
    """Your ledger in double entry, newest first: what arrived, was shared out and paid out."""
    return await licensing.ledger.page(query, caller())


@router.get("/v1/ledger-balances")
async def get_ledger_balances(query: Annotated[LedgerQuery, Query()], licensing: Uses) -> LedgerBalances:
    """What stands on the accounts of your ledger, of one deal or of all; together they make nothing."""
    return await licensing.ledger.balances(query, caller())


@router.get("/v1/inventor-statements")
async def list_inventor_statements(
    query: Annotated[StatementQuery, Query()], licensing: Uses
) -> Page[InventorStatement]:
    """What each person is due of what was approved in a year, and what of it was paid; by name."""
    return await licensing.reports.statements(query, caller())


@router.get("/v1/inventor-statements/document", response_class=Response, responses=PRINTED)
async def get_inventor_statement(query: Annotated[StatementPaper, Query()], licensing: Uses) -> Response:
    """The statement of one person as PDF/A or DOCX."""
    return file(await licensing.reports.statement_file(query, caller()))


@router.get("/v1/conversion-reports/{year}", response_model=ConversionReport, responses=WORKBOOK)
async def get_conversion_report(
    year: Annotated[int, Path(ge=1985, le=2199)], licensing: Uses, format: Literal["json", "xlsx"] = "json"
) -> ConversionReport | Response:
    """The yearly report on the transformation of achievements 科技成果转化年度报告 (Art. 21), as data or as a workbook."""
    if format == "json":
        return await licensing.reports.yearly(year, caller())
    return file(await licensing.reports.yearly_file(year, caller()))
