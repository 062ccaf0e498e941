"""What may be recorded of a patent, and what annual fees come to."""

from __future__ import annotations

from datetime import date

import pytest

from services.catalog.rules.events import (
    NEEDED,
    compensation_is_for_inventions,
    documents_are_there,
    happened_after_filing,
    owner_is_there,
    particulars_fit,
    pledge_is_there,
    report_is_the_first,
    something_ends,
)
from services.catalog.rules.fees import anniversary, schedule, yuan
from services.catalog.rules.status import Event, Standing, fold
from shared.contracts.catalog import EventCode, EventDetail, EventSource, LegalEventDraft
from shared.contracts.values import PatentType
from shared.rulebook import book
from tests.unit.verdicts import verdict

C = EventCode
EXAMPLES: dict[EventCode, dict[str, object]] = {
    C.PLEDGE: {"party": "某银行"},
    C.LICENSE_RECORDED: {"license_type": "SOLE", "until": "2030-01-01", "territory": ["37"]},
    C.OPEN_LICENSE: {"reference": "2024000123"},
    C.TERM_COMPENSATION: {"days": 100},
    C.EVALUATION_REPORT: {"conclusion": "MEETS"},
    C.CO_OWNERS_AGREEMENT: {"acts": ["SOLE_LICENSE"]},
    C.CONSENT: {"role": "CO_OWNER", "party": "某公司", "acts": ["SOLE_LICENSE"]},
    C.CONSENT_REVOCATION: {"ends": "cns_1"},
    C.REGISTER_CHECKED: {"state": "IN_FORCE", "fees_paid_until": "2025-03-01"},
}


@pytest.mark.parametrize("code", list(EventCode))
def test_an_event_carries_what_its_kind_needs(code: EventCode) -> None:
    good = EXAMPLES.get(code, {})
    assert verdict(particulars_fit, code, EventDetail(**good, note="备注")) is None
    for name in NEEDED.get(code, ()):
        lacking = {key: value for key, value in good.items() if key != name}
        assert verdict(particulars_fit, code, EventDetail(**lacking)) == "EV-DETAIL"
    assert (verdict(particulars_fit, code, None) is None) is (code not in NEEDED)


@pytest.mark.parametrize("code", list(EventCode))
def test_an_event_carries_nothing_of_another_kind(code: EventCode) -> None:
    foreign = {"conclusion": "MEETS"} if code is not C.EVALUATION_REPORT else {"days": 3}
    assert verdict(particulars_fit, code, EventDetail(**EXAMPLES.get(code, {}), **foreign)) == "EV-DETAIL"


def draft(code: EventCode, day: str = "2024-05-01", **detail: object) -> LegalEventDraft:
    return LegalEventDraft(code=code, occurred_on=date.fromisoformat(day), detail=EventDetail(**detail))


def standing(*events: tuple[EventCode, dict[str, object]]) -> Standing:
    return fold(
        Event(code, date(2024, 1, n), EventSource.REGISTER, EventDetail(**detail), f"evt_{n}")
        for n, (code, detail) in enumerate(events, 1)
    )


def test_what_ends_has_to_stand() -> None:
    pledged = standing((C.PLEDGE, {"party": "某银行"}))
    assert verdict(something_ends, draft(C.PLEDGE_RELEASE, ends="enc_1"), pledged) is None
    assert verdict(something_ends, draft(C.PLEDGE_RELEASE, ends="enc_2"), pledged) == "EV-ENDS"
    assert verdict(something_ends, draft(C.LICENSE_ENDED, ends="enc_1"), pledged) == "EV-ENDS"
    released = standing((C.PLEDGE, {"party": "某银行"}), (C.PLEDGE_RELEASE, {"ends": "enc_1"}))
    assert verdict(something_ends, draft(C.PLEDGE_RELEASE, ends="enc_1"), released) == "EV-ENDS"
    assert verdict(something_ends, draft(C.PLEDGE_RELEASE), Standing()) is None  # the register may know more
    consented = standing((C.CONSENT, {"role": "CO_OWNER", "party": "某公司", "acts": ["PLEDGE"]}))
    assert verdict(something_ends, draft(C.CONSENT_REVOCATION, ends="cns_1"), consented) is None
    assert verdict(something_ends, draft(C.CONSENT_REVOCATION, ends="cns_9"), consented) == "EV-ENDS"


def test_an_act_rests_on_documents_that_are_there() -> None:
    assert verdict(documents_are_there, ["doc_1", "doc_2"], []) is None
    assert verdict(documents_are_there, ["doc_1", "doc_2"], ["doc_2"]) == "EV-DOCUMENT"


def test_one_report_is_made_and_none_of_an_invention() -> None:
    once = standing((C.EVALUATION_REPORT, {"conclusion": "MEETS"}))
    assert verdict(report_is_the_first, PatentType.DESIGN, Standing(), False) is None
    assert verdict(report_is_the_first, PatentType.DESIGN, once, False) == "EV-REPORT"
    assert verdict(report_is_the_first, PatentType.DESIGN, once, True) is None
    assert verdict(report_is_the_first, PatentType.INVENTION, Standing(), True) == "EV-REPORT"


def test_only_an_inventions_term_is_compensated() -> None:
    assert verdict(compensation_is_for_inventions, C.TERM_COMPENSATION, PatentType.INVENTION) is None
    assert verdict(compensation_is_for_inventions, C.TERM_COMPENSATION, PatentType.DESIGN) == "EV-TERM"
    assert verdict(compensation_is_for_inventions, C.GRANT, PatentType.DESIGN) is None


def test_nothing_happened_before_the_filing() -> None:
    assert verdict(happened_after_filing, draft(C.GRANT), date(2024, 5, 1)) is None
    assert verdict(happened_after_filing, draft(C.GRANT), date(2024, 5, 2)) == "EV-BEFORE-FILING"
    assert verdict(happened_after_filing, draft(C.GRANT), None) is None


def test_only_who_has_a_say_consents() -> None:
    assert verdict(owner_is_there, True, ["某大学"]) is None
    assert verdict(owner_is_there, False, ["某大学"]) == "EV-CO-OWNER"
    pledged = standing((C.PLEDGE, {"party": "某银行"}))
    assert verdict(pledge_is_there, pledged, True, date(2024, 6, 1)) is None
    assert verdict(pledge_is_there, pledged, False, date(2024, 6, 1)) == "EV-PLEDGEE"
    assert verdict(pledge_is_there, Standing(), False, date(2024, 6, 1)) == "EV-PLEDGEE"


# Annual fees

FILED, GRANTED = date(2020, 3, 15), date(2022, 6, 10)


def year(number: int, today: str, paid_until: str | None, kind: PatentType = PatentType.INVENTION) -> object:
    paid = date.fromisoformat(paid_until) if paid_until else None
    found = {fee.year: fee for fee in schedule(kind, FILED, GRANTED, paid, date.fromisoformat(today))}
    return found[number]


def test_fees_are_due_from_the_year_of_the_grant_on() -> None:
    fees = list(schedule(PatentType.INVENTION, FILED, GRANTED, None, GRANTED))
    assert [fee.year for fee in fees] == list(range(3, 21))
    assert (fees[0].due_on, fees[1].due_on) == (GRANTED, date(2023, 3, 15))
    assert len(list(schedule(PatentType.UTILITY_MODEL, FILED, None, None, GRANTED))) == 10


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        (
            PatentType.INVENTION,
            [900] * 3 + [1200] * 3 + [2000] * 3 + [4000] * 3 + [6000] * 3 + [8000] * 5,
        ),
        (PatentType.UTILITY_MODEL, [600] * 3 + [900] * 2 + [1200] * 3 + [2000] * 2),
        (PatentType.DESIGN, [600] * 3 + [900] * 2 + [1200] * 3 + [2000] * 2 + [3000] * 5),
    ],
)
def test_the_fee_of_each_year(kind: PatentType, amounts: list[int]) -> None:
    assert [yuan(kind, n) for n in range(1, len(amounts) + 1)] == amounts


@pytest.mark.parametrize(
    ("today", "state", "surcharge"),
    [
        ("2023-12-01", "NOT_DUE", "0.00"),
        ("2024-01-02", "DUE", "0.00"),
        ("2024-03-15", "DUE", "0.00"),
        ("2024-03-16", "IN_GRACE", "0.00"),
        ("2024-04-15", "IN_GRACE", "0.00"),
        ("2024-04-16", "IN_GRACE", "60.00"),
        ("2024-06-16", "IN_GRACE", "180.00"),
        ("2024-09-15", "IN_GRACE", "300.00"),
        ("2024-09-16", "UNPAID", "0.00"),
    ],
)
def test_each_full_month_late_costs_five_per_cent_for_six_months(today: str, state: str, surcharge: str) -> None:
    """FEE-YEARS: the fee of the fifth year, 1,200 yuan, due on 15 March 2024."""
    assert "FEE-YEARS" in book()
    fee = year(5, today, "2024-03-14")
    assert (fee.amount.amount, fee.due_on, fee.grace_ends_on) == ("1200.00", date(2024, 3, 15), date(2024, 9, 15))
    assert (fee.state, fee.surcharge.amount) == (state, surcharge)


def test_what_nobody_recorded_is_not_called_paid() -> None:
    assert year(4, "2024-06-01", None).state == "NOT_RECORDED"
    assert year(4, "2024-06-01", "2024-03-14").state == "PAID"
    assert year(4, "2024-06-01", "2024-03-15").state == "PAID"


def test_an_anniversary_on_the_29th_of_february() -> None:
    assert anniversary(date(2020, 2, 29), 1) == date(2021, 2, 28)
    assert anniversary(date(2020, 2, 29), 4) == date(2024, 2, 29)
