"""Deadlines 期限: what has to be done by when, and how long before it whoever has to do it is reminded."""

from __future__ import annotations

from datetime import date, timedelta

from shared.contracts.licensing import DeadlineKind
from shared.errors import Text
from shared.rulebook import rule

_K = DeadlineKind
# Days before the last one on which the reminder goes out: policy, but for the trial, whose 30 days its terms promise.
REMINDED_BEFORE = {
    _K.OFFER: 3,
    _K.SIGNATURES: 7,
    _K.NOTICE_PAYMENT: 7,
    _K.PAYMENT: 7,
    _K.PAYMENT_ANSWER: 2,
    _K.DEMAND: 7,
    _K.RECORDAL: 30,
    _K.TRIAL_END: 30,
    _K.ROYALTY_REPORT: 30,
    _K.RECORDAL_CANCELLATION: 14,
    _K.ANNUAL_FEE: 30,
    _K.GRACE_PERIOD: 30,
}
REPORT_WITHIN_DAYS = 30  # after its period, where the contract says nothing: policy
FARTHEST = max(REMINDED_BEFORE.values())


@rule(
    "DUE-REMINDER",
    source=Text(
        "Civil Code Art. 509 (notice in good faith); the platform's rules",
        "民法典第五百零九条第二款（通知义务）；平台规则",
    ),
    since="2026-11-22",
)
def is_near(kind: DeadlineKind, due_on: date, today: date) -> bool:
    """Whoever has to act is reminded some days before the last one, once; a trial's end 30 days before."""
    return today <= due_on <= today + timedelta(days=REMINDED_BEFORE[kind])
