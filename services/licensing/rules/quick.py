"""Quick licenses 快速许可: a product of the platform. A standing offer, a trial from today on, and a decision by its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.licensing.rules.names import zh
from services.licensing.rules.periods import WorkingDays, ends_after_days, months_after
from services.licensing.rules.terms import fen
from shared.contracts.catalog import DeferralEvent, FeeType
from shared.contracts.gateway import PartyOut
from shared.contracts.licensing import QuickOfferState, QuickRequestState, QuickTerms
from shared.errors import Text
from shared.rulebook import Refusal, rule

_NOTICE = Text(
    "MOF and CNIPA notice of 2020-04-30, III(1)2.2 (quick licenses); the platform's product",
    "财政部、国家知识产权局2020年4月30日通知三（一）2二（专利快速许可）；平台产品规则",
)
_O, _R = QuickOfferState, QuickRequestState
OFFER_FROM = {
    "activation": (_O.DRAFT,),
    "pause": (_O.ACTIVE,),
    "resumption": (_O.PAUSED,),
    "ending": (_O.DRAFT, _O.ACTIVE, _O.PAUSED),
}
OFFER_TO = {"activation": _O.ACTIVE, "pause": _O.PAUSED, "resumption": _O.ACTIVE, "ending": _O.ENDED}


@dataclass(frozen=True, slots=True)
class Trial:
    """A quick license as the rules see it; the last days are included."""

    trial_ends_on: date
    until: date
    converted_on: date | None = None
    terminated_on: date | None = None
    patent_ended_on: date | None = None  # from then on the first of its patents is gone


def trial_ends_on(begun_on: date, terms: QuickTerms) -> date:
    """The last day of a trial."""
    return months_after(begun_on, terms.trial.months) - timedelta(days=1)


@rule("QL-TERMS", source=_NOTICE, since="2026-11-22")
def terms_fit(terms: QuickTerms, patent_ids: Sequence[str], today: date) -> Refusal | None:
    """A trial is shorter than the license, a fee is deferred into its term, and each patent is named once."""
    last = months_after(today, terms.license_term_months) - timedelta(days=1)
    if terms.trial.months >= terms.license_term_months:
        message, pointer = (
            Text(
                f"a trial of {terms.trial.months} months leaves nothing of a license of {terms.license_term_months}",
                f"试用期{terms.trial.months}个月不短于许可期限{terms.license_term_months}个月",
            ),
            "/trial/duration",
        )
    elif terms.deferred_until is not None and not today <= terms.deferred_until <= last:
        message, pointer = (
            Text(
                f"{terms.deferred_until} is not within the term of a license from today on, {today} to {last}",
                f"缓收至{terms.deferred_until}，不在自今日起的许可期限内（{today}至{last}）",
            ),
            "/deferred_until",
        )
    elif len(set(patent_ids)) < len(patent_ids):
        message, pointer = Text("a patent is named twice", "同一专利重复填写"), "/patent_ids"
    else:
        return None
    return Refusal("QL-TERMS", message, Text("mend this field", "请更正该字段"), pointer=pointer)


def state_on(trial: Trial, today: date) -> QuickRequestState:
    """How a quick license stands, whoever is awake at the end of its trial."""
    if trial.terminated_on is not None and today >= trial.terminated_on:
        return _R.TERMINATED
    is_gone = trial.patent_ended_on is not None and today >= trial.patent_ended_on
    if trial.converted_on is None:
        return _R.TRIAL if today <= trial.trial_ends_on and not is_gone else _R.ENDED_WITHOUT_CONVERSION
    if today > trial.until or is_gone:
        return _R.EXPIRED
    return _R.CONVERTED if today <= trial.trial_ends_on else _R.IN_FORCE


GONE = frozenset({"LS-NOT-IN-FORCE", "LS-NOT-GRANTED", "LS-TERM"})


@rule("QL-PATENT-GONE", source=Text("Civil Code Art. 865", "民法典第八百六十五条"), since="2021-01-01")
def patents_stand(reasons: Sequence[str]) -> Refusal | None:
    """Nobody decides for a license under a patent that has ended, even before its trial does; reasons are catalog's."""
    if not reasons:
        return None
    return Refusal(
        "QL-PATENT-GONE",
        Text(
            f"a patent of this license is no longer in force ({', '.join(reasons)})",
            f"该许可所涉专利权已不再有效（{'、'.join(reasons)}）",
        ),
        Text("nothing is owed for the trial; see /v1/patents/{id}", "试用无须付费；请查看 /v1/patents/{id}"),
    )


@rule("QL-OFFER-STATE", source=_NOTICE, since="2026-11-22")
def offer_act_is_open(act: str, state: QuickOfferState) -> Refusal | None:
    """A standing offer is activated once, paused and resumed, and ended; trials that run go on."""
    if state in OFFER_FROM[act]:
        return None
    return Refusal(
        "QL-OFFER-STATE",
        Text(f"the offer is {state.value}; {act} is not open", f"该快速许可要约状态为{zh(state)}，不能进行该操作"),
        Text("see its available_acts", "请查看其 available_acts"),
    )


@rule(
    "QL-OPEN",
    source=Text(
        "Civil Code Art. 473, 491; the platform's product", "民法典第四百七十三条、第四百九十一条；平台产品规则"
    ),
    since="2026-11-22",
)
def offer_stands(state: QuickOfferState) -> Refusal | None:
    """A trial begins under a standing offer that is active."""
    if state is _O.ACTIVE:
        return None
    return Refusal(
        "QL-OPEN",
        Text(f"the offer is {state.value}", f"该快速许可要约状态为{zh(state)}"),
        Text("make an inquiry about the listing instead", "可改为对挂牌发起询盘"),
        pointer="/offer_id",
    )


@rule("QL-SME", source=_NOTICE, since="2026-11-22")
def firm_is_small(sme_only: bool, party: PartyOut) -> Refusal | None:
    """Terms for small and medium-sized enterprises are for them: judged by the figures that the firm has given."""
    if not sme_only or party.sme_class is not None:
        return None
    return Refusal(
        "QL-SME",
        Text("this offer is for small and medium-sized enterprises", "该快速许可仅面向中小企业"),
        Text(
            "give your industry, staff and revenue (PATCH /v1/organizations/{id}) if you are one",
            "如属中小企业，请补充行业、从业人员和营业收入（PATCH /v1/organizations/{id}）",
        ),
    )


@rule(
    "QL-STATE",
    source=Text("Civil Code Art. 502, 562; the platform's product", "民法典第五百零二条、第五百六十二条；平台产品规则"),
    since="2026-11-22",
)
def trial_runs(state: QuickRequestState) -> Refusal | None:
    """A trial is converted or left until its last day, by an explicit act of the licensee; never by itself."""
    if state is _R.TRIAL:
        return None
    return Refusal(
        "QL-STATE",
        Text(f"the quick license is {state.value}", f"该快速许可状态为{zh(state)}"),
        Text(
            "a trial that has ended is begun anew only by another agreement; a converted license ends at /v1/licenses",
            "试用期已结束的须另行约定；已转正的许可在 /v1/licenses 终止",
        ),
    )


@rule(
    "QL-SALE",
    source=Text("Civil Code Art. 158; the platform's product", "民法典第一百五十八条；平台产品规则"),
    since="2026-11-22",
)
def first_sale_counts(
    terms: QuickTerms, begun_on: date, converted_on: date | None, known: date | None, on: date, today: date
) -> Refusal | None:
    """The first sale is reported once, after the conversion, where the fee waits for it; it lies within the license."""
    pointer = None
    if terms.deferred_to is not DeferralEvent.FIRST_SALE:
        message = Text("no fee waits for a first sale", "没有待首次销售触发的费用")
    elif converted_on is None:
        message = Text("the trial was not converted: nothing is owed", "试用尚未转正，无须付费")
    elif known is not None:
        message = Text(f"the first sale was reported, on {known}", f"首次销售已报告，日期为{known}")
    elif not begun_on <= on <= today:
        pointer = "/on"
        message = Text(f"{on} is not between {begun_on} and today", f"{on} 不在许可开始之日 {begun_on} 至今天之间")
    else:
        return None
    cure = Text("report it once, after the conversion", "请在转正后报告一次，日期不晚于今天")
    return Refusal("QL-SALE", message, cure, pointer=pointer)


def planned(
    terms: QuickTerms, trial: Trial, first_sale_on: date | None, working: WorkingDays
) -> list[tuple[str, int, date]]:
    """What a conversion costs, when: (kind, fen, last day). Nothing while the fee waits for a first sale.

    A deferred fee is due from its day or event on, any other from the conversion on.
    """
    fee, on = terms.fee, trial.converted_on
    if on is None or fee.amount is None or (terms.deferred_to is DeferralEvent.FIRST_SALE and first_sale_on is None):
        return []
    waits = trial.trial_ends_on if terms.deferred_to is DeferralEvent.TRIAL_END else on
    begins = max(on, terms.deferred_until or on, first_sale_on or on, waits)
    if fee.fee_type is FeeType.INSTALLMENTS:
        return [
            ("INSTALLMENT", fen(part.amount), ends_after_days(begins, part.after_days, working))
            for part in terms.installments
        ]
    kind = "ENTRY" if fee.fee_type is FeeType.ENTRY_PLUS_ROYALTY else "LUMP_SUM"
    return [(kind, fen(fee.amount), ends_after_days(begins, terms.payment_within_days, working))]
