"""What a license costs, when: the items of its schedule, what money has gone to which, and what is overdue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.licensing.rules.periods import WorkingDays, ends_after_days, months_after
from services.licensing.rules.terms import fen
from shared.contracts.catalog import FeeType
from shared.contracts.licensing import DueState, OfferTerms, QuickTerms, Terms
from shared.errors import Text
from shared.rulebook import Refusal, rule

_S = DueState


@dataclass(frozen=True, slots=True)
class Due:
    """An item of a schedule: whole fen, payable until `due_on`."""

    id: str
    fen: int
    due_on: date


@dataclass(frozen=True, slots=True)
class Money:
    """Settled money: whole fen, and the item that the payer named, if it named one."""

    fen: int
    item: str | None = None


def planned(terms: OfferTerms | Terms, effective_on: date, working: WorkingDays) -> Iterator[tuple[str, int, date]]:
    """The items that are known when a license takes effect: (kind, fen, last day). Royalties follow their reports.

    Of an open license the first installment, or the one-time fee, was paid with the notice.
    """
    fee, has_paid = terms.fee, isinstance(terms, Terms)
    if fee.fee_type is FeeType.INSTALLMENTS:
        for part in terms.installments[1:] if has_paid else terms.installments:
            yield "INSTALLMENT", fen(part.amount), ends_after_days(effective_on, part.after_days, working)
    elif fee.amount is not None and not has_paid:
        kind = "ENTRY" if fee.fee_type is FeeType.ENTRY_PLUS_ROYALTY else "LUMP_SUM"
        yield kind, fen(fee.amount), ends_after_days(effective_on, terms.payment_within_days, working)


@rule(
    "PAY-ORDER",
    source=Text("Civil Code Art. 560", "民法典第五百六十条"),
    since="2021-01-01",
)
def allocated(items: Sequence[Due], settled: Sequence[Money]) -> tuple[dict[str, int], int]:
    """Money goes to the item that the payer named, else to the one that is due first; the rest is the payer's.

    Answers (fen by item, what is left over in fen).
    """
    got = {item.id: 0 for item in items}
    owed = {item.id: item.fen for item in items}
    rest = 0
    for money in settled:
        here = min(money.fen, owed[money.item] - got[money.item]) if money.item in owed else 0
        if money.item is not None and here:
            got[money.item] += here
        rest += money.fen - here
    for item in sorted(items, key=lambda one: (one.due_on, one.id)):
        here = min(rest, item.fen - got[item.id])
        got[item.id] += here
        rest -= here
    return got, rest


@rule(
    "DUE-STATE",
    source=Text("Civil Code Art. 509, 566; Patent Law Art. 47", "民法典第五百零九条、第五百六十六条；专利法第四十七条"),
    since="2021-01-01",
)
def state_on(item: Due, settled_fen: int, ended_on: date | None, today: date) -> DueState:
    """Paid, due or overdue by the calendar; what would have fallen due after an early end is no longer owed."""
    if settled_fen >= item.fen:
        return _S.PAID
    if ended_on is not None and item.due_on >= ended_on:
        return _S.CANCELLED
    if today > item.due_on:
        return _S.OVERDUE
    return _S.DUE if today + timedelta(days=30) >= item.due_on else _S.PLANNED


def reporting_periods(
    terms: OfferTerms | QuickTerms | Terms, begins_on: date, last: date
) -> Iterator[tuple[date, date]]:
    """The periods for which a royalty is reported, from the first day of the license to its last: (first, last day)."""
    if terms.fee.rate is None:
        return
    months = 12 if isinstance(terms, Terms) or terms.royalty is None else terms.royalty.report_every_months
    count, first = 0, begins_on
    while first <= last:
        count += 1
        following = months_after(begins_on, count * months)
        yield first, min(following - timedelta(days=1), last)
        first = following


@rule("ROY-PERIOD", source=Text("Civil Code Art. 846", "民法典第八百四十六条第二款"), since="2021-01-01")
def period_is_over(period: tuple[date, date] | None, today: date) -> Refusal | None:
    """A royalty is reported for a period that is over, in the order of the periods, each once."""
    if period is not None and today > period[1]:
        return None
    when = f"{period[0]} to {period[1]}" if period else "-"
    return Refusal(
        "ROY-PERIOD",
        Text(
            f"the next period to be reported ({when}) is not over yet"
            if period
            else "every period is reported, or no royalty was agreed",
            f"下一报告期（{when}）尚未届满" if period else "各报告期均已报告，或合同未约定提成",
        ),
        Text("report after its last day", "请在报告期届满后报告"),
    )


@rule("PAY-ITEM", source=Text("Civil Code Art. 560", "民法典第五百六十条"), since="2021-01-01")
def item_is_open(item: str | None, known: Sequence[str]) -> Refusal | None:
    """Who pays may name the item that it pays, one of the license's schedule."""
    if item is None or item in known:
        return None
    return Refusal(
        "PAY-ITEM",
        Text(f"the schedule has no item {item}", f"付款计划中没有 {item}"),
        Text("take an id of the license's schedule, or leave it out", "请填写付款计划中的项目编号，或不填"),
        pointer="/item_id",
    )


@rule("PAY-LICENSE", source=Text("Civil Code Art. 509", "民法典第五百零九条"), since="2021-01-01")
def license_takes_money(is_concluded: bool) -> Refusal | None:
    """Payments are reported under a license that was concluded; one that has ended may still owe."""
    if is_concluded:
        return None
    return Refusal(
        "PAY-LICENSE",
        Text("nothing is owed before both sides have signed", "双方签署前没有应付款项"),
        Text("sign the contract first", "请先签署合同"),
    )
