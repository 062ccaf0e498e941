"""Notices of payment providers: whose word they are, what they say, and what they find recorded already."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime

from services.licensing.rules.terms import yuan
from shared.contracts.licensing import PaymentState
from shared.contracts.payments import PaymentNotice
from shared.errors import Text
from shared.rulebook import Refusal, rule

_HOUSE = Text(
    "the platform's rules for payment providers; Standard Webhooks", "平台支付机构规则；Standard Webhooks 规范"
)
TOLERANCE_S = 300
WHSEC = "whsec_"
_ID = re.compile(r"[!-\-/-~]{1,255}")  # printable, without the full stop that parts what is signed
_SIGNATURES_MOST = 16


def signature(secret: str, id_: str, timestamp: str, body: bytes) -> str:
    """The signature of a message under a `whsec_` secret, as Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix(WHSEC))
    signed = hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


@rule("PAY-SIGNED", source=_HOUSE, since="2026-11-30")
def is_signed(secrets: Iterable[str], id_: str, timestamp: str, body: bytes, signatures: str, now: datetime) -> bool:
    """A notice is a provider's own: its exact bytes are signed with a secret of the provider, five minutes ago at most."""
    if not _ID.fullmatch(id_) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        return False
    given = [one.encode(errors="replace") for one in signatures.split(" ")[:_SIGNATURES_MOST]]
    found = False
    for secret in secrets:
        known = signature(secret, id_, timestamp, body).encode()
        for one in given:
            found |= hmac.compare_digest(known, one)  # never stops early: nobody learns which was nearer
    return found


@rule("PAY-SUBJECT", source=_HOUSE, since="2026-11-30")
def names_one_thing(notice: PaymentNotice) -> Refusal | None:
    """A notice says what was paid: a reported payment, a request or a license, one of them."""
    if len([one for one in (notice.payment_id, notice.request_id, notice.license_id) if one]) == 1:
        return None
    return Refusal(
        "PAY-SUBJECT",
        Text("a notice pays one thing", "一份通知对应一笔应付款项"),
        Text(
            "give one of payment_id, request_id and license_id",
            "请在 payment_id、request_id、license_id 中填写且仅填写一项",
        ),
        pointer="/request_id",
    )


@rule("PAY-DIFFERS", source=_HOUSE, since="2026-11-30")
def agrees_with(state: PaymentState, settled_fen: int, fen: int) -> Refusal | None:
    """What arrived counts, and not what was reported of it; but what is settled stays as it was settled."""
    if state is not PaymentState.SETTLED or settled_fen == fen:
        return None
    return Refusal(
        "PAY-DIFFERS",
        Text(f"this transfer is settled already, as {yuan(settled_fen)}", f"该笔转账已按 {yuan(settled_fen)} 确认到账"),
        Text("another transfer has another reference", "另一笔转账应使用其自己的凭证号"),
        pointer="/amount/amount",
    )
