"""Providers, silence, refunds, dunning, figures: each rule under its id and both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.rules import dunning, payment, periods, policies, provider
from services.licensing.rules.dunning import DemandState
from services.licensing.rules.policies import Figure
from services.licensing.service.calendar import shipped_days
from services.licensing.service.policies import shipped_figures
from shared.contracts.licensing import PaymentState
from shared.contracts.payments import PaymentNotice, PolicyName
from shared.rulebook import book
from tests.unit.verdicts import verdict

# The rules that derive and never refuse.
assert {
    "PAY-SIGNED",
    "PAY-SILENCE",
    "PAY-SILENCE-EVIDENCE",
    "PERIOD-WORKING-DAYS",
    "DUE-DUNNING",
    "DEMAND-STATE",
} <= book().keys()

TODAY, DAY = date(2026, 11, 23), timedelta(days=1)
P = PaymentState

# The example of the Standard Webhooks specification.
SECRET, ID, AT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(int(AT), UTC)


def test_a_notice_is_signed_as_standard_webhooks_has_it() -> None:
    """PAY-SIGNED, by the published example."""
    assert provider.signature(SECRET, ID, AT, BODY) == SIGNATURE
    assert provider.is_signed([SECRET], ID, AT, BODY, SIGNATURE, NOW)
    for shift in (-300, 300):  # to the second
        assert provider.is_signed([SECRET], ID, AT, BODY, SIGNATURE, NOW + timedelta(seconds=shift))
    other = "whsec_" + "A" * 43 + "="
    assert provider.is_signed([other, SECRET], ID, AT, BODY, f"v1a,x {SIGNATURE}", NOW)  # while secrets rotate


@pytest.mark.parametrize(
    ("secrets", "id_", "at", "body", "given", "now"),
    [
        ([], ID, AT, BODY, SIGNATURE, NOW),
        (["whsec_" + "A" * 43 + "="], ID, AT, BODY, SIGNATURE, NOW),
        ([SECRET], ID + "x", AT, BODY, SIGNATURE, NOW),
        ([SECRET], "", AT, BODY, SIGNATURE, NOW),
        ([SECRET], ID, "1614265331", BODY, SIGNATURE, NOW),
        ([SECRET], ID, "", BODY, SIGNATURE, NOW),
        ([SECRET], ID, "1e9", BODY, SIGNATURE, NOW),
        ([SECRET], ID, "٣", BODY, SIGNATURE, NOW),
        ([SECRET], ID, AT, BODY + b" ", SIGNATURE, NOW),
        ([SECRET], ID, AT, BODY, "", NOW),
        ([SECRET], ID, AT, BODY, SIGNATURE[:-1], NOW),
        ([SECRET], ID, AT, BODY, SIGNATURE.removeprefix("v1,"), NOW),
        ([SECRET], ID, AT, BODY, "v2" + SIGNATURE[2:], NOW),
        ([SECRET], ID, AT, BODY, "\udcff" + SIGNATURE, NOW),
        ([SECRET], ID, AT, BODY, SIGNATURE, NOW + timedelta(seconds=301)),
        ([SECRET], ID, AT, BODY, SIGNATURE, NOW - timedelta(seconds=301)),
    ],
)
def test_a_notice_that_anybody_else_may_have_sent_is_none(
    secrets: list[str], id_: str, at: str, body: bytes, given: str, now: datetime
) -> None:
    """PAY-SIGNED, the other way."""
    assert not provider.is_signed(secrets, id_, at, body, given, now)


def test_an_id_cannot_take_a_part_of_what_is_signed_after_it() -> None:
    """PAY-SIGNED: `a.1` and `2` would be signed as `a` and `1.2` are."""
    signed = provider.signature(SECRET, f"{ID}.{AT}", AT, BODY)
    assert not provider.is_signed([SECRET], f"{ID}.{AT}", AT, BODY, signed, NOW)


def test_a_notice_pays_one_thing_and_what_is_settled_stays() -> None:
    said = {"amount": {"amount": "1.00"}, "paid_on": "2026-11-23", "reference": "1"}
    for ids, rule in (
        ({}, "PAY-SUBJECT"),
        ({"request_id": "olr_1"}, None),
        ({"license_id": "lic_1"}, None),
        ({"payment_id": "pay_1"}, None),
        ({"payment_id": "pay_1", "license_id": "lic_1"}, "PAY-SUBJECT"),
    ):
        assert verdict(provider.names_one_thing, PaymentNotice.model_validate({**said, **ids})) == rule
    for state in PaymentState:
        assert verdict(provider.agrees_with, state, 5, 5) is None
        assert verdict(provider.agrees_with, state, 5, 4) == ("PAY-DIFFERS" if state is P.SETTLED else None)


@pytest.mark.parametrize("state", list(PaymentState))
def test_silence_settles_what_is_reported_and_only_after_its_last_day(state: PaymentState) -> None:
    """PAY-SILENCE."""
    assert payment.is_settled_by_silence(TODAY, state, TODAY + DAY) is (state is P.REPORTED)
    assert not payment.is_settled_by_silence(TODAY, state, TODAY)
    assert not payment.is_settled_by_silence(None, state, TODAY + 99 * DAY)


def test_silence_counts_where_it_was_agreed_and_evidence_lies_before_the_payee() -> None:
    """PAY-SILENCE-EVIDENCE: Civil Code Art. 140."""
    found = [payment.silence_counts(agreed, evident) for agreed in (True, False) for evident in (True, False)]
    assert found == [True, False, False, False]
    assert verdict(payment.agreement_follows, "ACCEPTED", False) is None
    assert verdict(payment.agreement_follows, "ACCEPTED", True) == "PAY-RULE-STANDS"
    assert verdict(payment.agreement_follows, "REVOKED", True) is None
    assert verdict(payment.agreement_follows, "REVOKED", False) == "PAY-RULE-STANDS"


@pytest.mark.parametrize(
    ("begun", "ends"),
    [
        (date(2026, 11, 23), date(2026, 11, 30)),  # Monday: over one weekend
        (date(2026, 11, 27), date(2026, 12, 4)),  # Friday
        (date(2026, 11, 28), date(2026, 12, 4)),  # Saturday: the weekend does not count
        (date(2026, 9, 30), date(2026, 10, 13)),  # seven days of National Day; Saturday the 10th is worked
        (date(2026, 2, 13), date(2026, 2, 27)),  # Spring Festival, with the worked Saturdays of the 14th and 28th
    ],
)
def test_five_working_days_pass_over_holidays(begun: date, ends: date) -> None:
    """PERIOD-WORKING-DAYS."""
    assert periods.ends_after_working_days(begun, payment.ANSWER_WITHIN_DAYS, shipped_days()) == ends


@given(st.dates(date(2024, 1, 1), date(2026, 12, 1)), st.integers(0, 40))
def test_a_period_of_working_days_has_as_many(begun: date, days: int) -> None:
    """PERIOD-WORKING-DAYS, counted the other way."""
    working = shipped_days()
    end = periods.ends_after_working_days(begun, days, working)
    assert sum(working.is_worked(begun + DAY * at) for at in range(1, (end - begun).days + 1)) == days
    assert not days or working.is_worked(end)


def test_no_more_is_returned_than_nobody_owes() -> None:
    assert verdict(payment.may_return, 100, 100, 500, False) is None
    assert verdict(payment.may_return, 101, 100, 500, False) == "PAY-REFUND"
    assert verdict(payment.may_return, 100, 500, 99, False) == "PAY-REFUND"
    assert verdict(payment.may_return, 1, 500, 500, True) == "PAY-REFUND"


def test_both_sides_hear_of_the_last_step_that_was_reached() -> None:
    """DUE-DUNNING."""
    steps = (1, 15, 30)
    for days, step in ((0, None), (1, 1), (14, 1), (15, 15), (29, 15), (30, 30), (400, 30)):
        expected = None if step is None else TODAY + step * DAY
        assert dunning.step_reached(TODAY, steps, TODAY + days * DAY) == expected


def test_a_demand_names_what_is_overdue_and_leaves_thirty_days() -> None:
    assert verdict(dunning.items_are_overdue, ["due_1"], {"due_1", "due_2"}) is None
    assert verdict(dunning.items_are_overdue, ["due_1", "due_3"], {"due_1"}) == "DEMAND-ITEMS"
    assert verdict(dunning.items_are_overdue, [], {"due_1"}) == "DEMAND-ITEMS"
    assert verdict(dunning.period_is_reasonable, TODAY, TODAY + 30 * DAY) is None
    assert verdict(dunning.period_is_reasonable, TODAY, TODAY + 29 * DAY) == "DEMAND-PERIOD"


def test_a_demand_runs_is_met_or_is_not() -> None:
    """DEMAND-STATE."""
    late = TODAY + DAY
    assert dunning.state_on(TODAY, False, False, TODAY) is DemandState.RUNNING
    assert dunning.state_on(TODAY, False, True, TODAY) is DemandState.RUNNING
    assert dunning.state_on(TODAY, False, False, late) is DemandState.UNMET
    assert dunning.state_on(TODAY, False, True, late) is DemandState.MET  # a report is open: it is waited for
    assert dunning.state_on(TODAY, True, False, late) is DemandState.MET


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("OPEN_LICENSE_LUMP_SUM_MOST", ["1", "20000000.00"], ["-1", "2e7", "1,5", "\u0661"]),
        ("OPEN_LICENSE_SALES_RATE_MOST", ["0.2", "1"], ["20", "20%", "1.1"]),
        ("OPEN_LICENSE_PROFIT_RATE_MOST", ["0.40"], [".4", ""]),
        ("OPEN_LICENSE_MONTHS_LEAST", ["12"], ["0", "012", "1000", "12.0"]),
        (
            "OPEN_LICENSE_AD_WORDS",
            ["稳赚", "稳赚,world-leading,best in the world"],
            ["", ",", "稳赚,", " ,稳赚", "稳赚,,最佳"],
        ),
        ("DUNNING_STEPS", ["1", "1,15,30"], ["", "0", "15,1", "1,1", "1,", "1, 15"]),
    ],
)
def test_a_figure_has_the_form_of_its_name(name: str, right: list[str], wrong: list[str]) -> None:
    assert [verdict(policies.has_form, PolicyName(name), value) for value in right] == [None] * len(right)
    assert [verdict(policies.has_form, PolicyName(name), value) for value in wrong] == ["POLICY-FORM"] * len(wrong)


def test_a_figure_counts_from_its_day_on() -> None:
    name = PolicyName.OPEN_LICENSE_MONTHS_LEAST
    later = [Figure(name, "24", TODAY, "甲"), Figure(name, "6", TODAY - 9 * DAY, "乙"), Figure(name, "18", TODAY, "丙")]
    figures = [*shipped_figures(), *later]
    least = [policies.on(figures, TODAY + days * DAY).months_least for days in (-10, -9, -1, 0, 99)]
    assert least == [12, 6, 6, 18, 18]
    assert {
        name: one.value
        for name, one in policies.counting(shipped_figures(), TODAY).items()
        if name is not PolicyName.OPEN_LICENSE_AD_WORDS
    } == {
        "OPEN_LICENSE_LUMP_SUM_MOST": "20000000.00",
        "OPEN_LICENSE_SALES_RATE_MOST": "0.20",
        "OPEN_LICENSE_PROFIT_RATE_MOST": "0.40",
        "OPEN_LICENSE_MONTHS_LEAST": "12",
        "DUNNING_STEPS": "1,15,30",
    }
