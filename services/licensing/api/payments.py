"""Payments: reported, confirmed, told of by providers, settled by silence."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Query, Request

from services.licensing.api.base import Uses, router
from services.licensing.service.providers import SignedBy
from shared.auth import caller
from shared.contracts.gateway import RotationDraft
from shared.contracts.licensing import (
    Confirmation,
    Contest,
    Payment,
    RefundDraft,
    Resolution,
)
from shared.contracts.payments import (
    Paged,
    PaymentNotice,
    PaymentTaken,
    Provider,
    ProviderDraft,
    ProviderSecret,
    SettlementRule,
    SettlementRuleDraft,
)
from shared.contracts.wire import Page


async def _signed(
    request: Request,
    licensing: Uses,
    message_id: Annotated[str, Header(alias="webhook-id")] = "",
    timestamp: Annotated[str, Header(alias="webhook-timestamp")] = "",
    signatures: Annotated[str, Header(alias="webhook-signature")] = "",
) -> SignedBy:
    return await licensing.providers.signed_by(message_id, timestamp, signatures, await request.body())


@router.get("/v1/payments/{id}")
async def get_payment(id: str, licensing: Uses) -> Payment:
    """A payment, for payer and payee."""
    return await licensing.payments.get(id, caller())


@router.post("/v1/payments/{id}/confirmation")
async def confirm_payment(id: str, licensing: Uses, confirmation: Confirmation = Confirmation()) -> Payment:
    """Confirm that a payment has arrived (payee or operator)."""
    return await licensing.payments.confirm(id, confirmation, caller())


@router.post("/v1/payments/{id}/contest")
async def contest_payment(id: str, contest: Contest, licensing: Uses) -> Payment:
    """Contest that a payment has arrived (payee)."""
    return await licensing.payments.contest(id, contest, caller())


@router.post("/v1/payments/{id}/resolution")
async def resolve_payment(id: str, resolution: Resolution, licensing: Uses) -> Payment:
    """Find whether a contested payment has arrived (operator)."""
    return await licensing.payments.resolve(id, resolution, caller())


@router.post("/v1/payments/{id}/withdrawal")
async def withdraw_payment(id: str, licensing: Uses) -> Payment:
    """Take back your report of a payment that nobody has answered yet (payer); then report it anew."""
    return await licensing.payments.withdraw(id, caller())


@router.post("/v1/payments/{id}/refunds", status_code=201)
async def record_refund(id: str, draft: RefundDraft, licensing: Uses) -> Payment:
    """Record that you have returned what nobody owed (payee); never more than is refundable."""
    return await licensing.payments.refund(id, draft, caller())


@router.post("/v1/payment-notices", status_code=201)
async def take_payment_notice(
    notice: PaymentNotice, signed: Annotated[SignedBy, Depends(_signed)], licensing: Uses
) -> PaymentTaken:
    """A registered provider's notice that money has arrived, signed as Standard Webhooks has it; needs no token."""
    return await licensing.providers.take(notice, signed)


@router.post("/v1/payment-providers", status_code=201)
async def register_payment_provider(draft: ProviderDraft, licensing: Uses) -> ProviderSecret:
    """Register a payment provider (operator); its secret is shown this once."""
    return await licensing.providers.register(draft, caller())


@router.get("/v1/payment-providers")
async def list_payment_providers(query: Annotated[Paged, Query()], licensing: Uses) -> Page[Provider]:
    """The registered payment providers, newest first (operator)."""
    return await licensing.providers.page(query)


@router.get("/v1/payment-providers/{id}")
async def get_payment_provider(id: str, licensing: Uses) -> Provider:
    """A payment provider, without its secret (operator)."""
    return await licensing.providers.get(id)


@router.post("/v1/payment-providers/{id}/rotation")
async def rotate_payment_provider(id: str, licensing: Uses, draft: RotationDraft = RotationDraft()) -> ProviderSecret:
    """A new secret for a provider (operator); the one before goes on counting for the overlap."""
    return await licensing.providers.rotate(id, draft.overlap_hours, caller())


@router.post("/v1/payment-providers/{id}/retirement")
async def retire_payment_provider(id: str, licensing: Uses) -> Provider:
    """Take no more notices of a provider (operator); what it settled stays settled."""
    return await licensing.providers.retire(id, caller())


@router.post("/v1/settlement-rules", status_code=201)
async def accept_settlement_rule(draft: SettlementRuleDraft, licensing: Uses) -> SettlementRule:
    """Agree, as payee, that your silence of five working days settles a payment reported with evidence."""
    return await licensing.silence.accept(draft, caller())


@router.get("/v1/settlement-rules")
async def list_settlement_rules(query: Annotated[Paged, Query()], licensing: Uses) -> Page[SettlementRule]:
    """Your agreements to settlement by silence, newest first."""
    return await licensing.silence.page(query, caller())


@router.get("/v1/settlement-rules/{id}")
async def get_settlement_rule(id: str, licensing: Uses) -> SettlementRule:
    """An agreement of yours to settlement by silence."""
    return await licensing.silence.get(id, caller())


@router.post("/v1/settlement-rules/{id}/revocation")
async def revoke_settlement_rule(id: str, licensing: Uses) -> SettlementRule:
    """Take the agreement back, for payments that are reported from now on."""
    return await licensing.silence.revoke(id, caller())
