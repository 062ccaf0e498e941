"""Money, case by random case: nothing is lost and nothing made, to the fen. `make trial-sums` runs more than a million.

A law draws its own case from `chance` and asserts. It joins the trial by standing here under `@law`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest

from services.licensing.rules import benefit, notice, quick, royalty, schedule, terms
from services.licensing.rules.benefit import Owner, Person, Scheme
from services.licensing.rules.notice import Notice, Paid
from services.licensing.rules.royalty import Rates
from services.licensing.rules.schedule import Due, Money
from services.licensing.service.calendar import shipped_days
from shared.contracts.licensing import OfferTerms, PaymentState, QuickTerms, RequestState, Terms

CASES = int(os.environ.get("DUIJIE_SUMS_CASES", "1000"))
SEED = int(os.environ.get("DUIJIE_SUMS_SEED", "1"))
DAY = date(2026, 1, 1)

Law = Callable[[random.Random], None]
LAWS: list[Law] = []


def law(one: Law) -> Law:
    LAWS.append(one)
    return one


def fen(chance: random.Random) -> int:
    """Sums of all sizes, and the ones on which roundings turn."""
    return chance.choice((0, 1, 2, 50, 99, 100, 3_000_000, chance.randrange(10**6), chance.randrange(10**12)))


def parts_of(whole: int, count: int, chance: random.Random) -> list[int]:
    cuts = sorted(chance.randrange(whole + 1) for _ in range(count - 1))
    return [b - a for a, b in pairwise([0, *cuts, whole])]


def day(chance: random.Random) -> date:
    return DAY + timedelta(days=chance.randrange(1_500))


@law
def yuan_and_fen_are_one_sum(chance: random.Random) -> None:
    amount = fen(chance)
    assert terms.fen(terms.yuan(amount)) == amount
    assert terms.yuan(amount) == str(Decimal(amount).scaleb(-2).quantize(Decimal("0.01")))


@law
def a_royalty_is_the_area_under_its_rates(chance: random.Random) -> None:
    """Against an integral in fractions, over reports that follow each other; rates rise, fall, or stay."""
    bounds = sorted({fen(chance) for _ in range(chance.randrange(4))} - {0})
    steps = [(bound, Decimal(chance.randrange(1_001)) / 1_000) for bound in (0, *bounds)]
    least = chance.choice((0, 0, fen(chance)))
    cap = chance.choice((None, fen(chance)))
    before = paid = 0
    for _ in range(chance.randrange(1, 4)):
        base = fen(chance)
        due = royalty.royalty_fen(Rates(steps, least, cap), base, before, paid)
        exact = Fraction(0)
        for (above, rate), (until, _) in pairwise([*steps, (None, Decimal(0))]):
            first, last = max(before, above), before + base if until is None else min(before + base, until)
            exact += max(0, last - first) * Fraction(rate)
        rounded = int(exact) + (exact - int(exact) >= Fraction(1, 2))
        owed = max(rounded, least)
        assert due == (owed if cap is None else max(0, min(owed, cap - paid)))
        before, paid = before + base, paid + due
        assert cap is None or paid <= cap


@law
def installments_are_the_fee(chance: random.Random) -> None:
    """Negotiated: all of them are in the schedule. Open: the first is due with the notice, the rest in the schedule."""
    whole, count = max(fen(chance), 24), chance.randrange(2, 13)
    parts = [1 + part for part in parts_of(whole - count, count, chance)]
    days = [0, *sorted(chance.sample(range(1, 3_000), count - 1))]
    said = [{"amount": terms.yuan(part), "after_days": after} for part, after in zip(parts, days, strict=True)]
    fee = {"fee_type": "INSTALLMENTS", "amount": terms.yuan(whole)}
    agreed = OfferTerms.model_validate(
        {"license_type": "ORDINARY", "scope": {"from": DAY, "to": DAY}, "fee": fee, "installments": said}
    )
    items = list(schedule.planned(agreed, day(chance), shipped_days()))
    assert [item[1] for item in items] == parts and sum(parts) == whole
    assert [item[2] for item in items] == sorted(item[2] for item in items)
    announced = Terms.model_validate(
        {
            "fee": fee, "installments": said, "payment_method": "x", "payment_within_days": 30,
            "license_term_months": 36, "calculation_note": "x",
        }
    )  # fmt: skip
    first = terms.due_fen(announced.fee, announced.installments[0].amount)
    assert first + sum(item[1] for item in schedule.planned(announced, DAY, shipped_days())) == whole


@law
def a_fee_at_once_is_one_item(chance: random.Random) -> None:
    whole, kind = fen(chance), chance.choice(("LUMP_SUM", "ENTRY_PLUS_ROYALTY"))
    fee = {"fee_type": kind, "amount": terms.yuan(whole)}
    fee |= {"rate": "0.03", "rate_base": "PROFIT"} if kind != "LUMP_SUM" else {}
    agreed = OfferTerms.model_validate({"license_type": "SOLE", "scope": {"from": DAY, "to": DAY}, "fee": fee})
    (item,) = schedule.planned(agreed, day(chance), shipped_days())
    assert item[1] == whole
    tried = QuickTerms.model_validate(
        {"trial": {"duration": "P6M", "permitted_use": "INTERNAL_TEST"}, "fee": fee, "license_term_months": 36}
    )
    trial = quick.Trial(DAY, DAY + timedelta(days=900), converted_on=day(chance))
    (item,) = quick.planned(tried, trial, None, shipped_days())
    assert item[1] == whole and trial.converted_on is not None and item[2] > trial.converted_on
    assert not quick.planned(tried, quick.Trial(DAY, DAY), None, shipped_days())


@law
def money_that_arrives_is_somewhere(chance: random.Random) -> None:
    """Every fen settles an item or is credit; no item gets more than it is; there is no credit while something is open."""
    items = [Due(f"due_{number}", fen(chance), day(chance)) for number in range(chance.randrange(6))]
    names = [None, "due_unknown", *(item.id for item in items)]
    settled = [Money(fen(chance), chance.choice(names)) for _ in range(chance.randrange(6))]
    got, rest = schedule.allocated(items, settled)
    assert sum(got.values()) + rest == sum(one.fen for one in settled)
    assert all(0 <= got[item.id] <= item.fen for item in items) and rest >= 0
    assert rest == 0 or all(got[item.id] == item.fen for item in items)
    for item in items:
        named = sum(one.fen for one in settled if one.item == item.id)
        assert got[item.id] >= min(named, item.fen), "what was named is what is paid"


@law
def a_notice_keeps_exactly_what_was_due(chance: random.Random) -> None:
    """I-7: in force on the day that completes the sum, or not; what is beyond it, or came in vain, is refundable."""
    due = chance.choice((0, 1, 3_000_000, fen(chance)))
    given = Notice(DAY, due, DAY + timedelta(days=30))
    paid = [
        Paid(fen(chance), DAY + timedelta(days=chance.randrange(-5, 40)), chance.choice(list(PaymentState)))
        for _ in range(chance.randrange(5))
    ]
    today = DAY + timedelta(days=chance.randrange(60))
    state, on = notice.state_on(given, paid, today), notice.effective_on(given, paid)
    settled = [one for one in paid if one.state is PaymentState.SETTLED]
    in_time = [one for one in settled if one.paid_on <= given.payment_due_on]
    assert (on is not None) == (sum(one.fen for one in in_time) >= due)
    if on is not None:
        assert sum(one.fen for one in in_time if one.paid_on <= on) >= due or not due
        assert sum(one.fen for one in in_time if one.paid_on < on) < due or on == given.delivered_on
    arrived = sum(one.fen for one in settled)
    kept = arrived - notice.refundable_fen(given, paid, today)
    assert 0 <= kept <= due
    assert kept == (0 if state is RequestState.PAYMENT_LAPSED else min(arrived, due))


@law
def a_split_gives_everything_away(chance: random.Random) -> None:
    """Largest remainders: exact in all, for nobody more than a fen away from its share, more weight never less money."""
    weights = [chance.choice((0, 1, 1, 3, 50, chance.randrange(1, 10_001))) for _ in range(chance.randrange(1, 9))]
    whole = fen(chance)
    if not any(weights):
        weights[0] = 1
    parts = benefit.split(whole, weights)
    assert sum(parts) == whole and min(parts) >= 0
    for weight, part in zip(weights, parts, strict=True):
        assert abs(part - Fraction(whole * weight, sum(weights))) < 1
    ranked = sorted(zip(weights, parts, strict=True))
    assert all(a <= b for (lighter, a), (heavier, b) in pairwise(ranked) if lighter < heavier)


@law
def income_reaches_somebody(chance: random.Random) -> None:
    """I-9: the owners' parts are the income less common costs; the people get at least their rate of what is left."""
    count = chance.randrange(1, 5)
    shares = [1 + part for part in parts_of(10_000 - count, count, chance)]
    owners = [Owner(f"owner {at}", share=share) for at, share in enumerate(shares)]
    gross = fen(chance)
    common = chance.randrange(gross + 1)
    at = chance.choice((None, chance.randrange(count)))
    own = 0 if at is None else benefit.split(gross - common, shares)[at]
    costs = chance.choice((0, chance.randrange(own + 1)))
    rate = chance.choice((Decimal("0.5"), Decimal(chance.randrange(1_001)) / 1_000))
    scheme = chance.choice(
        (None, Scheme(rate, []), Scheme(rate, [("unit", Decimal("0.3")), ("college", Decimal("0.2"))]))
    )
    persons = [
        Person(f"ivt_{number}", str(number), chance.randrange(1, 101)) for number in range(chance.randrange(1, 5))
    ]
    found = benefit.shared_out(gross, common, costs, owners, at, scheme, persons)
    assert sum(part.fen for part in found.parts) + (costs if at is not None else 0) == gross - common
    assert found.net == (own - costs if at is not None else 0)
    due = sum(part.fen for part in found.parts if part.kind == "PERSON")
    assert due == found.persons and 0 <= due <= found.net
    assert scheme is None or at is None or 0 <= due - found.net * rate < 1


@pytest.mark.parametrize("one", LAWS, ids=lambda one: one.__name__)
def test_no_fen_is_lost_and_none_is_made(one: Law) -> None:
    for number in range(CASES):
        seed = f"{SEED} {number}"
        try:
            one(random.Random(seed))
        except AssertionError as wrong:
            raise AssertionError(f"case {seed!r} of {one.__name__}") from wrong
