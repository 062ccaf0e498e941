"""Licensing's rules, each under its id and both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.rules import declaration, notice, parties, payment, periods, policies, recordal, terms
from services.licensing.rules.declaration import DeclarationAct
from services.licensing.rules.notice import Notice, Paid
from services.licensing.rules.parties import Party
from services.licensing.rules.payment import PaymentAct
from services.licensing.service.calendar import shipped_days
from services.licensing.service.policies import shipped_figures
from shared.contracts.catalog import ConsentRole, Fee, Holder, Pledgee
from shared.contracts.licensing import (
    DeclarationDraft,
    DeclarationState,
    PaymentState,
    RecordalOutcome,
    RecordalState,
    RequestState,
)
from shared.rulebook import book
from tests.unit.verdicts import verdict

# The rules that derive and never refuse.
assert {
    "PERIOD-DAYS",
    "PERIOD-MONTHS",
    "RECORDAL-DUE",
    "OL-EFFECT",
    "OL-LAPSE",
    "LIC-TERM",
    "REC-OVERDUE",
} <= book().keys()

TODAY = date(2026, 11, 20)
USUAL = policies.on(shipped_figures(), TODAY)
D, A = DeclarationState, DeclarationAct


def draft(**facts: Any) -> DeclarationDraft:
    return DeclarationDraft.model_validate(
        {
            "patent_id": "pat_1",
            "fee": {"fee_type": "LUMP_SUM", "amount": "30000.00"},
            "payment_method": "一次总付",
            "license_term_months": 36,
            "calculation_note": "参照同行业许可费",
            **facts,
        }
    )


OPEN_IN = {
    A.CONSENT: {D.DRAFT, D.CONSENTED},
    A.FILING: {D.DRAFT, D.CONSENTED},
    A.ANNOUNCEMENT: {D.FILED},
    A.NON_ANNOUNCEMENT: {D.FILED},
    A.WITHDRAWAL: {D.ANNOUNCED},
    A.WITHDRAWAL_ANNOUNCEMENT: {D.WITHDRAWAL_FILED},
}


@pytest.mark.parametrize("state", list(DeclarationState))
@pytest.mark.parametrize("act", list(DeclarationAct))
def test_every_act_of_a_declaration_in_every_state(act: DeclarationAct, state: DeclarationState) -> None:
    """OL-STATE."""
    assert verdict(declaration.act_is_open, act, state) == (None if state in OPEN_IN[act] else "OL-STATE")


@pytest.mark.parametrize("state", list(DeclarationState))
def test_a_notice_is_given_until_the_withdrawal_is_announced(state: DeclarationState) -> None:
    expected = None if state in (D.ANNOUNCED, D.WITHDRAWAL_FILED) else "OL-NOT-OPEN"
    assert verdict(declaration.is_open, state) == expected


def test_a_declaration_ends_with_the_patents_last_day() -> None:
    assert declaration.state_on(D.ANNOUNCED, TODAY, TODAY) is D.ANNOUNCED
    assert declaration.state_on(D.ANNOUNCED, TODAY, TODAY + timedelta(days=1)) is D.ENDED
    assert declaration.state_on(D.WITHDRAWN, TODAY, TODAY + timedelta(days=1)) is D.WITHDRAWN
    assert declaration.state_on(D.ANNOUNCED, None, TODAY) is D.ANNOUNCED


def test_what_else_a_declaration_waits_for() -> None:
    assert verdict(declaration.stands_alone, "old_1") == "OL-ONE"
    assert verdict(declaration.stands_alone, None) is None
    assert verdict(declaration.days_follow, TODAY, None, TODAY) is None
    assert verdict(declaration.days_follow, TODAY + timedelta(days=1), None, TODAY) == "OL-DAYS"
    assert verdict(declaration.days_follow, TODAY, TODAY + timedelta(days=1), TODAY) == "OL-DAYS"
    assert verdict(declaration.owners_withdraw_together, ["共有人公司"]) == "OL-OWNERS-WITHDRAW"
    assert verdict(declaration.owners_withdraw_together, []) is None


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ({}, []),
        ({"fee": {"fee_type": "FREE"}}, []),
        ({"fee": {"fee_type": "NEGOTIABLE"}}, ["OL-FEE-FORM"]),
        ({"installments": [{"amount": "1.00", "after_days": 0}]}, ["FEE-INSTALLMENTS"]),
        ({"calculation_note": "填补国内空白的技术"}, ["OL-AD-WORDING"]),
        ({"payment_method": "A World-Leading method"}, ["OL-AD-WORDING"]),
        ({"calculation_note": "比行业中位数低一成"}, []),
    ],
)
def test_terms_by_themselves(facts: dict[str, Any], rules: list[str]) -> None:
    assert [no.rule for no in terms.against(draft(**facts), USUAL)] == rules


@pytest.mark.parametrize(
    ("days", "amounts", "rule"),
    [
        ([0, 90], ["10000.00", "20000.00"], None),
        ([0, 90], ["10000.00", "19999.99"], "FEE-INSTALLMENTS"),
        ([30, 90], ["10000.00", "20000.00"], "FEE-INSTALLMENTS"),
        ([0, 0], ["10000.00", "20000.00"], "FEE-INSTALLMENTS"),
        ([], [], "FEE-INSTALLMENTS"),
    ],
)
def test_installments_sum_to_the_fee(days: list[int], amounts: list[str], rule: str | None) -> None:
    parts = [{"amount": amount, "after_days": day} for day, amount in zip(days, amounts, strict=True)]
    fee = {"fee_type": "INSTALLMENTS", "amount": "30000.00"}
    assert verdict(terms.installments_sum_up, draft(fee=fee, installments=parts)) == rule


@pytest.mark.parametrize(
    ("fee", "rule"),
    [
        ({"fee_type": "LUMP_SUM", "amount": "20000000.00"}, None),
        ({"fee_type": "LUMP_SUM", "amount": "20000000.01"}, "OL-FEE-CAP"),
        ({"fee_type": "ROYALTY", "rate": "0.20", "rate_base": "NET_SALES"}, None),
        ({"fee_type": "ROYALTY", "rate": "0.25", "rate_base": "NET_SALES"}, "OL-FEE-CAP"),
        ({"fee_type": "ROYALTY", "rate": "0.40", "rate_base": "PROFIT"}, None),
        ({"fee_type": "ROYALTY", "rate": "0.41", "rate_base": "PROFIT"}, "OL-FEE-CAP"),
    ],
)
def test_fees_above_the_ceilings_are_warned_of(fee: dict[str, Any], rule: str | None) -> None:
    assert verdict(terms.fee_is_usual, Fee.model_validate(fee), USUAL) == rule


def test_terms_of_less_than_a_year_or_beyond_the_patent_are_warned_of() -> None:
    assert verdict(terms.term_is_usual, 12, USUAL) is None
    assert verdict(terms.term_is_usual, 11, USUAL) == "OL-TERM"
    assert verdict(terms.term_fits_the_patent, 12, TODAY, date(2027, 11, 20)) is None
    assert verdict(terms.term_fits_the_patent, 12, TODAY, date(2027, 11, 19)) == "OL-TERM-EXPIRY"
    assert verdict(terms.term_fits_the_patent, 240, TODAY, None) is None


def test_money_is_exact_both_ways() -> None:
    for amount in ("0.00", "0.01", "29999.99", "999999999999.99"):
        assert terms.yuan(terms.fen(amount)) == amount


UNIVERSITY = Party("org_u", "12370000495001000K", False)
HOLDERS = [Holder(name="测试大学"), Holder(name="共有人公司", organization_id="org_c")]


@pytest.mark.parametrize(
    ("licensee", "rule"),
    [
        (Party("org_f", "91370303MA3CD00120", False), None),
        (Party("org_f", None, False), None),
        (Party("org_u", None, False), "SELF-DEALING"),
        (Party("org_x", "12370000495001000K", False), "SELF-DEALING"),
        (Party("org_c", None, False), "SELF-DEALING"),
    ],
)
def test_nobody_licenses_to_itself(licensee: Party, rule: str | None) -> None:
    assert verdict(parties.sides_differ, UNIVERSITY, HOLDERS, licensee) == rule


def test_sample_and_real_stay_apart() -> None:
    assert verdict(parties.sample_deals_stay_apart, False, UNIVERSITY) is None
    assert verdict(parties.sample_deals_stay_apart, True, UNIVERSITY) == "SAMPLE-DEALS"


def test_who_consents_and_how_that_is_proved() -> None:
    pledgees = [Pledgee(name="某银行", uscc="91370303MA3CD00120")]

    def say(role: ConsentRole, name: str, uscc: str | None) -> str | None:
        return verdict(parties.has_a_say, role, name, uscc, HOLDERS[1:], pledgees)

    assert say(ConsentRole.CO_OWNER, "共有人公司", None) is None
    assert say(ConsentRole.CO_OWNER, "某银行", None) == "OL-CONSENT-PARTY"
    assert say(ConsentRole.PLEDGEE, "又名银行", "91370303MA3CD00120") is None
    assert say(ConsentRole.PLEDGEE, "某银行", "91370100MA3CD00205") == "OL-CONSENT-PARTY"
    assert verdict(parties.consent_is_proved, True, False, False) is None
    assert verdict(parties.consent_is_proved, False, True, False) is None
    assert verdict(parties.consent_is_proved, False, False, True) is None
    assert verdict(parties.consent_is_proved, False, False, False) == "OL-CONSENT-EVIDENCE"
    assert verdict(parties.consent_stands, date(2026, 11, 20)) == "OL-CONSENT-STATE"
    assert verdict(parties.consent_stands, None) is None
    assert parties.owners_not_agreed(HOLDERS, [("测试大学", None)]) == ["共有人公司"]
    assert parties.owners_not_agreed(HOLDERS, [("测试大学", None), ("共有人公司", None)]) == []


DELIVERED, DUE = date(2026, 11, 2), date(2026, 12, 2)
DUE_NOTICE = Notice(DELIVERED, 3_000_000, DUE)
R, P = RequestState, PaymentState


@pytest.mark.parametrize(
    ("paid", "on"),
    [
        ([], None),
        ([Paid(2_999_999, TODAY, P.SETTLED)], None),
        ([Paid(3_000_000, TODAY, P.REPORTED)], None),
        ([Paid(3_000_000, TODAY, P.SETTLED)], TODAY),
        ([Paid(1, TODAY, P.SETTLED), Paid(2_999_999, DUE, P.SETTLED)], DUE),
        ([Paid(3_000_000, DUE + timedelta(days=1), P.SETTLED)], None),
        ([Paid(3_000_000, DELIVERED - timedelta(days=9), P.SETTLED)], DELIVERED),
    ],
)
def test_a_license_takes_effect_with_the_payment_that_completes_the_sum(paid: list[Paid], on: date | None) -> None:
    """OL-EFFECT."""
    assert notice.effective_on(DUE_NOTICE, paid) == on
    assert notice.effective_on(Notice(DELIVERED, 0, DUE), []) == DELIVERED
    gone = replace(DUE_NOTICE, patent_until=TODAY)  # what was paid later pays for nothing
    assert notice.effective_on(gone, paid) == (on if on is not None and on <= TODAY else None)


@pytest.mark.parametrize(
    ("facts", "paid", "today", "state"),
    [
        ({}, [], DUE, R.NOTIFIED),
        ({}, [], DUE + timedelta(days=1), R.PAYMENT_LAPSED),
        ({}, [Paid(1, TODAY, P.REPORTED)], DUE + timedelta(days=99), R.PAYMENT_REPORTED),
        ({}, [Paid(1, TODAY, P.CONTESTED)], DUE + timedelta(days=99), R.PAYMENT_REPORTED),
        ({}, [Paid(9_000_000, TODAY, P.NOT_RECEIVED)], DUE, R.NOTIFIED),
        ({}, [Paid(3_000_000, TODAY, P.SETTLED)], DUE + timedelta(days=99), R.EFFECTIVE),
        ({"cancelled_on": TODAY}, [], TODAY, R.CANCELLED),
        ({"patent_until": TODAY}, [], TODAY, R.NOTIFIED),
        ({"patent_until": TODAY}, [], TODAY + timedelta(days=1), R.PAYMENT_LAPSED),
        ({"patent_until": TODAY}, [Paid(3_000_000, DUE, P.SETTLED)], DUE, R.PAYMENT_LAPSED),
        ({"license_until": TODAY}, [Paid(3_000_000, DELIVERED, P.SETTLED)], TODAY, R.EFFECTIVE),
        ({"license_until": TODAY}, [Paid(3_000_000, DELIVERED, P.SETTLED)], TODAY + timedelta(days=1), R.EXPIRED),
        ({"terminated_on": TODAY}, [Paid(3_000_000, DELIVERED, P.SETTLED)], TODAY, R.TERMINATED),
    ],
)
def test_what_becomes_of_a_notice(facts: dict[str, Any], paid: list[Paid], today: date, state: RequestState) -> None:
    """OL-LAPSE: judged by the day of payment, waiting for open reports."""
    assert notice.state_on(Notice(DELIVERED, 3_000_000, DUE, **facts), paid, today) is state


def test_what_nobody_owes_is_to_be_returned() -> None:
    short, late = [Paid(2_999_999, TODAY, P.SETTLED)], DUE + timedelta(days=1)
    assert notice.refundable_fen(DUE_NOTICE, short, DUE) == 0
    assert notice.refundable_fen(DUE_NOTICE, short, late) == 2_999_999
    assert notice.refundable_fen(DUE_NOTICE, [Paid(3_000_001, TODAY, P.SETTLED)], late) == 1
    assert notice.refundable_fen(DUE_NOTICE, [Paid(9, TODAY, P.REPORTED)], late) == 0
    cancelled = Notice(DELIVERED, 3_000_000, DUE, cancelled_on=TODAY)
    assert notice.refundable_fen(cancelled, [Paid(3_000_000, TODAY, P.SETTLED)], TODAY) == 3_000_000


payments = st.lists(
    st.builds(
        Paid,
        st.integers(1, 2_000_000),
        st.dates(DELIVERED - timedelta(days=5), DUE + timedelta(days=5)),
        st.sampled_from(P),
    ),
    max_size=8,
)


@given(payments, st.integers(0, 4_000_000))
def test_a_license_rests_on_settled_money_paid_in_time_and_on_nothing_else(paid: list[Paid], due: int) -> None:
    on = notice.effective_on(Notice(DELIVERED, due, DUE), paid)
    counted = [one for one in paid if one.state is P.SETTLED and one.paid_on <= DUE]
    assert (on is not None) == (sum(one.fen for one in counted) >= due)
    if on is not None:
        before = sum(one.fen for one in counted if one.paid_on < on)
        assert DELIVERED <= on <= DUE and (on == DELIVERED or before < due)


@pytest.mark.parametrize("state", list(RequestState))
def test_what_is_open_on_a_request(state: RequestState) -> None:
    assert verdict(notice.may_cancel, state) == (None if state is R.NOTIFIED else "OL-CANCEL")
    takes = state in (R.NOTIFIED, R.PAYMENT_REPORTED, R.PAYMENT_LAPSED)
    assert verdict(payment.request_takes_money, state) == (None if takes else "PAY-OPEN")


def test_a_license_that_has_ended_is_not_filed_any_more() -> None:
    assert verdict(recordal.license_runs, "FILED", TODAY, TODAY) == "REC-ENDED"
    assert verdict(recordal.license_runs, "FILED", TODAY - timedelta(days=1), TODAY) is None
    assert verdict(recordal.license_runs, "FILED", TODAY, None) is None
    assert verdict(recordal.license_runs, "CANCELLED", TODAY, TODAY) is None


def test_a_license_lasts_no_longer_than_its_patent() -> None:
    """LIC-TERM."""
    assert notice.license_until(date(2026, 11, 23), 12, None) == date(2027, 11, 22)
    assert notice.license_until(date(2026, 11, 23), 12, date(2027, 3, 1)) == date(2027, 3, 1)
    assert notice.license_until(date(2024, 2, 29), 12, None) == date(2025, 2, 27)
    assert verdict(notice.patent_stands, ["LS-NOT-IN-FORCE"]) == "OL-PATENT-GONE"
    assert verdict(notice.patent_stands, []) is None


@pytest.mark.parametrize("state", list(PaymentState))
@pytest.mark.parametrize("act", list(PaymentAct))
def test_every_act_on_a_payment_in_every_state(act: PaymentAct, state: PaymentState) -> None:
    wanted = {
        PaymentAct.CONFIRMATION: {P.REPORTED, P.CONTESTED},
        PaymentAct.CONTEST: {P.REPORTED},
        PaymentAct.RESOLUTION: {P.CONTESTED},
        PaymentAct.REFUND: {P.SETTLED},
        PaymentAct.WITHDRAWAL: {P.REPORTED},
    }
    assert verdict(payment.act_is_open, act, state) == (None if state in wanted[act] else "PAY-STATE")


def test_a_payment_is_of_money_once_and_in_time() -> None:
    assert verdict(payment.is_money, 1) is None
    assert verdict(payment.is_money, 0) == "PAY-AMOUNT"
    assert verdict(payment.is_reported_once, None) is None
    assert verdict(payment.is_reported_once, "pay_1") == "PAY-TWICE"
    assert verdict(payment.is_paid_in_time, TODAY, TODAY, TODAY) is None
    assert verdict(payment.is_paid_in_time, TODAY, TODAY - timedelta(days=1), TODAY) == "PAY-DAY"
    assert verdict(payment.is_paid_in_time, TODAY + timedelta(days=1), DUE, TODAY) == "PAY-DAY"
    assert verdict(payment.is_paid_in_time, TODAY, DUE, TODAY, TODAY) is None
    assert verdict(payment.is_paid_in_time, TODAY - timedelta(days=1), DUE, TODAY, TODAY) == "PAY-DAY"
    assert verdict(payment.is_found_by_another, "org_firm", "org_university") is None
    assert verdict(payment.is_found_by_another, "org_firm", "org_firm") == "PAY-OWN"
    assert verdict(payment.is_money, 10_00, 1_00) is None and verdict(payment.is_money, 10_01, 1_00) == "PAY-AMOUNT"


@pytest.mark.parametrize("state", list(RecordalState))
@pytest.mark.parametrize("outcome", get_args(RecordalOutcome))
def test_every_step_of_a_recordal_in_every_state(outcome: str, state: RecordalState) -> None:
    known = RecordalState
    wanted = {
        "FILED": {known.DUE, known.OVERDUE, known.REFUSED},
        "RECORDED": {known.FILED},
        "REFUSED": {known.FILED},
        "CHANGED": {known.RECORDED},
        "CANCELLED": {known.RECORDED},
    }[outcome]
    assert verdict(recordal.step_follows, outcome, state) == (None if state in wanted else "REC-STATE")


def test_a_license_that_ended_early_is_taken_off_the_record_within_thirty_days() -> None:
    """REC-END: and a changed recordal is one still."""
    assert recordal.state_on(["FILED", "RECORDED", "CHANGED"], TODAY, TODAY) is RecordalState.RECORDED
    assert recordal.state_on(["FILED", "RECORDED", "CANCELLED"], TODAY, TODAY) is RecordalState.CANCELLED
    due_on = partial(recordal.cancellation_due_on, working=shipped_days())
    assert due_on(RecordalState.RECORDED, date(2026, 11, 30)) == date(2026, 12, 30)
    assert due_on(RecordalState.RECORDED, date(2026, 9, 2)) == date(2026, 10, 8)  # the first week of October
    assert due_on(RecordalState.RECORDED, None) is None
    assert due_on(RecordalState.FILED, TODAY) is None and due_on(RecordalState.CANCELLED, TODAY) is None


def test_a_recordal_is_due_proved_and_dated() -> None:
    """REC-OVERDUE."""
    assert recordal.state_on([], TODAY, TODAY) is RecordalState.DUE
    assert recordal.state_on([], TODAY, TODAY + timedelta(days=1)) is RecordalState.OVERDUE
    assert recordal.state_on(["FILED", "REFUSED"], TODAY, TODAY) is RecordalState.REFUSED
    assert verdict(recordal.step_is_proved, "FILED", False, None, False) is None
    assert verdict(recordal.step_is_proved, "RECORDED", True, "X1", False) is None
    assert verdict(recordal.step_is_proved, "RECORDED", True, None, True) == "REC-EVIDENCE"
    assert verdict(recordal.step_is_proved, "REFUSED", False, None, False) == "REC-EVIDENCE"
    assert verdict(recordal.step_is_proved, "CANCELLED", False, "X1", False) == "REC-EVIDENCE"
    assert verdict(recordal.step_is_proved, "CANCELLED", True, None, False) is None
    assert verdict(recordal.step_is_dated, TODAY, TODAY, TODAY) is None
    assert verdict(recordal.step_is_dated, TODAY - timedelta(days=1), TODAY, TODAY) == "REC-DAY"
    assert verdict(recordal.nothing_to_record) == "REC-STATE"


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (date(2025, 11, 30), date(2026, 2, 28)),  # the last day of February, a Saturday that is worked
        (date(2024, 11, 30), date(2025, 2, 28)),
        (date(2025, 10, 1), date(2026, 1, 4)),  # 1 to 3 January are holidays, Sunday the 4th is worked
        (date(2026, 7, 1), date(2026, 10, 8)),  # the first week of October
        (date(2031, 7, 1), date(2031, 10, 6)),  # a year that is not announced yet: fixed holidays and the weekend
    ],
)
def test_a_recordal_is_due_after_three_months_on_a_working_day(begun: date, due: date) -> None:
    """RECORDAL-DUE, PERIOD-MONTHS: rule 5, Civil Code 203."""
    assert book()["PERIOD-MONTHS"].since == date(2024, 1, 20)
    assert periods.recordal_due_on(begun, shipped_days()) == due


def test_days_begin_on_the_next_and_end_on_a_working_day() -> None:
    """PERIOD-DAYS."""
    calendar = shipped_days()
    assert periods.ends_after_days(date(2026, 9, 23), 1, calendar) == date(2026, 9, 24)
    assert periods.ends_after_days(date(2026, 9, 23), 2, calendar) == date(2026, 9, 28)  # Mid-autumn, a Friday
    assert calendar.is_worked(date(2026, 10, 10)) and not calendar.is_worked(date(2026, 10, 17))


@given(st.dates(date(1985, 4, 1), date(2100, 1, 1)), st.integers(0, 480))
def test_months_end_on_the_corresponding_day_or_the_last(day: date, months: int) -> None:
    end = periods.months_after(day, months)
    assert (end.year - day.year) * 12 + end.month - day.month == months
    assert end.day == day.day or (end.day < day.day and (end + timedelta(days=1)).day == 1)
