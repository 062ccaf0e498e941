"""Papers of a license that nobody signs: the certificate of an open or quick license, and the dossier of a recordal."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel

from services.licensing.papers.blocks import Block, Heading, Paper, Para, Rows, same
from services.licensing.papers.contract import (
    PaperParty,
    PaperPatent,
    fee_lines,
    in_words,
    installment_lines,
    parties_table,
    patents_table,
    royalty_lines,
    scope_lines,
)
from shared.contracts.catalog import DeferralEvent, FeeType, LicenseType
from shared.contracts.licensing import OfferTerms, QuickTerms, RecordalState, Terms
from shared.errors import Text

_TYPE = {
    LicenseType.ORDINARY: Text("ordinary license", "普通实施许可"),
    LicenseType.SOLE: Text("sole license", "排他实施许可"),
    LicenseType.EXCLUSIVE: Text("exclusive license", "独占实施许可"),
}


_PERMITTED = {
    "INTERNAL_TEST": Text("for tests inside the firm only", "仅限在企业内部测试"),
    "LIMITED_SALE": Text("with sales in small numbers", "可以小批量销售"),
}
_EVENT = {
    DeferralEvent.FIRST_SALE: Text("the first sale, the decision at the earliest", "首次销售之日（不早于转正之日）"),
    DeferralEvent.TRIAL_END: Text("the end of the trial", "试用期届满之日"),
}
_DECISION = Text("the licensee's decision for the license", "被许可方决定转为正式许可之日")


class Announced(BaseModel, frozen=True):
    """Where the terms of an open license were announced, and as what."""

    number: str
    on: date
    terms: Terms
    is_paid_for: bool  # whether something was due before it took effect


class QuickFacts(BaseModel, frozen=True):
    """What a quick license began with, and what its firm has decided by now."""

    terms: QuickTerms
    trial_ends_on: date
    converted_on: date | None


class LicenseFacts(BaseModel, frozen=True):
    """A license as its papers tell of it."""

    number: str
    announced: Announced | None = None  # of an open license
    quick: QuickFacts | None = None
    licensors: list[PaperParty]
    licensee: PaperParty
    patents: list[PaperPatent]
    terms: OfferTerms
    terms_hash: str
    effective_on: date
    ended_on: date | None = None  # the first day on which it is no longer in force
    never_was: bool = False  # the patent had ended before, as was found only later
    recordal_due_on: date
    recordal: RecordalState = RecordalState.DUE
    recordal_number: str | None = None
    steps: list[tuple[date, str, str]]  # a day, and what was done on it in English and Chinese
    paid: list[tuple[date, str, str]] = []  # a day, the amount in yuan, the bank's reference
    refundable: str | None = None  # what of it nobody owes and was not returned, in yuan


def certificate(facts: LicenseFacts) -> Paper:
    """What a license rests on, for whoever has to show it: notice, terms, payments, from when and until when it is in force."""
    if facts.announced is not None:
        title = Text("Certificate of an Open License", "专利开放许可实施证明")
        paid = " and paid what was due" if facts.announced.is_paid_for else ""
        zh_paid = "并支付许可使用费" if facts.announced.is_paid_for else ""
        basis = Text(
            f"The licensee gave written notice under the open license declaration announced on {facts.announced.on} as"
            f" {facts.announced.number}{paid}; with that it holds the license, in force from {facts.effective_on} on"
            " (Patent Law Art. 51).",
            f"被许可方已按{in_words(facts.announced.on)}公告的专利开放许可声明（公告编号{facts.announced.number}），以书面方式通知"
            f"专利权人{zh_paid}，依照专利法第五十一条第一款即获得专利实施许可，自{in_words(facts.effective_on)}起生效。",
        )
    else:
        title = Text("Certificate of a Quick License", "专利快速许可实施证明")
        basis = Text(
            f"The licensee took up the standing offer; the license is in force from {facts.effective_on} on"
            " (Civil Code Art. 473, 491).",
            f"被许可方已接受许可方的快速许可要约，许可自{in_words(facts.effective_on)}起生效"
            "（民法典第四百七十三条、第四百九十一条）。",
        )
    note = Text(
        "Made by the platform from the acts on record. It is not the patent office's certificate of recordal.",
        "本证明由平台依据已记录的行为生成，不是国家知识产权局出具的备案证明。",
    )
    sides = parties_table(facts.licensors, facts.licensee)
    return Paper(title, facts.number, [sides, Para(basis), *_end(facts), *_whole(facts), Para(note)])


def dossier(facts: LicenseFacts, license_type: LicenseType, open_points: list[Text]) -> Paper:
    """What the office asks for to record a license (recordal rules Art. 8, 9), and what stands against it today."""
    rule = Text("rule 15", "第十五条") if facts.announced is None else Text("rules 15, 87", "第十五条、第八十七条")
    lead = Text(
        f"{_TYPE[license_type].en.capitalize()}, in force from {facts.effective_on} on.",
        f"{_TYPE[license_type].zh}，自{in_words(facts.effective_on)}起生效。",
    )
    found: list[Block] = [Para(lead), *_end(facts), *_recordal(facts, rule)]
    if facts.recordal in _TO_BE_FILED and facts.ended_on is None:
        found.append(Heading(Text("Before filing", "提交前须处理的事项")))
        found += [Para(Text(f"{at}. {one.en}", f"{at}. {one.zh}")) for at, one in enumerate(open_points, 1)]
    title = Text("Dossier for the Recordal of a License", "专利实施许可合同备案材料")
    return Paper(title, facts.number, [parties_table(facts.licensors, facts.licensee), *found, *_whole(facts)])


_TO_BE_FILED = (RecordalState.DUE, RecordalState.OVERDUE, RecordalState.REFUSED)


def _recordal(facts: LicenseFacts, rule: Text) -> list[Block]:
    number, due = facts.recordal_number, facts.recordal_due_on
    if facts.recordal is RecordalState.RECORDED:
        text = Text(f"On record at the patent office, number {number}.", f"已备案，备案号：{number}。")
    elif facts.recordal is RecordalState.CANCELLED:
        text = Text("The recordal was cancelled.", "备案已注销。")
    elif facts.recordal is RecordalState.FILED:
        text = Text("Filed for recordal; the office has not decided yet.", "已提交备案，尚待国家知识产权局决定。")
    elif facts.ended_on is not None:
        text = Text("It has ended: it is not filed any more.", "许可已终止，不再办理备案。")
    else:
        text = Text(
            f"To be filed until {due} (Implementing Regulations {rule.en}).",
            f"应于{in_words(due)}前（含当日）办理备案（专利法实施细则{rule.zh}）。",
        )
    return [Para(text)]


def _end(facts: LicenseFacts) -> list[Block]:
    if facts.ended_on is None:
        return []
    if facts.never_was:
        return [
            Para(
                Text(
                    f"As was found later, the patent had ended on {facts.ended_on}, before that day: nothing was licensed.",
                    f"经查，专利权已于{in_words(facts.ended_on)}终止，早于上述日期，未取得有效许可。",
                )
            )
        ]
    return [
        Para(
            Text(
                f"It is no longer in force since {facts.ended_on}.",
                f"该许可自{in_words(facts.ended_on)}起不再有效。",
            )
        )
    ]


def announced(terms: Terms) -> list[Block]:
    """The announced fee, and how it is paid: in the patentee's own words."""
    found: list[Block] = []
    fee = terms.fee
    if fee.fee_type is FeeType.FREE:
        found.append(Para(Text("Free of charge.", "免收许可使用费。")))
    if terms.installments:
        found += installment_lines(fee, terms.installments, Text("the license taking effect", "许可生效之日"))
        found.append(
            Para(
                Text(
                    "The first part is paid on the notice and makes the license effective.",
                    "首期随书面通知支付，支付后许可即生效。",
                )
            )
        )
    elif fee.amount is not None:
        found.append(Para(Text(f"CNY {fee.amount}.", f"人民币{fee.amount}元。")))
    if fee.rate is not None:
        found += royalty_lines(fee, None, terms.payment_within_days)
    return [*found, Para(same(terms.payment_method))]


def fees(facts: LicenseFacts) -> list[Block]:
    """What a license costs, as it was announced, offered or agreed."""
    if facts.announced is not None:
        return announced(facts.announced.terms)
    if facts.quick is None:
        return fee_lines(facts.terms)
    terms, since = facts.quick.terms, _DECISION
    if terms.deferred_to is not None:
        since = _EVENT[terms.deferred_to]
    elif terms.deferred_until is not None:
        day = max(terms.deferred_until, facts.quick.converted_on or terms.deferred_until)
        since = Text(str(day), in_words(day))
    return [*_trial(facts.quick), *fee_lines(terms, since)]


def _trial(quick: QuickFacts) -> list[Block]:
    use, end, on = _PERMITTED[quick.terms.trial.permitted_use], quick.trial_ends_on, quick.converted_on
    decided = (
        Text(f"The licensee decided for the license on {on}.", f"被许可方已于{in_words(on)}决定转为正式许可。")
        if on is not None
        else Text(
            "By then the licensee decides; without its decision the license ends with the trial.",
            "被许可方应在届满前作出决定；未决定的，许可随试用期届满终止。",
        )
    )
    return [
        Para(
            Text(
                f"Trial until {end}, {use.en}; nothing is owed for it. {decided.en}",
                f"试用期至{in_words(end)}，{use.zh}，试用期内无须付费。{decided.zh}",
            )
        )
    ]


def _whole(facts: LicenseFacts) -> list[Block]:
    heads, terms = [Text("Day", "日期"), Text("Act", "行为")], facts.terms
    found: list[Block] = [
        Heading(Text("Licensed patents", "许可专利")),
        patents_table(facts.patents),
        Heading(Text("Scope", "许可范围")),
        *scope_lines(terms),
        Heading(Text("Fee", "许可使用费")),
        *fees(facts),
        Heading(Text("On record", "已记录的行为")),
        Rows(heads, [[day.isoformat(), Text(en, zh)] for day, en, zh in facts.steps]),
    ]
    if facts.paid:
        heads = [Text("Paid on", "付款日"), Text("Amount (CNY)", "金额（元）"), Text("Reference", "凭证号")]
        found.append(Rows(heads, [[day.isoformat(), amount, said] for day, amount, said in facts.paid]))
    if facts.refundable is not None:
        more = Text(
            f"Of it CNY {facts.refundable} are owed by nobody and to be returned.",
            f"其中人民币{facts.refundable}元超出应付数额，应予退还。",
        )
        found.append(Para(more))
    found.append(Rows([Text("SHA-256 of the terms", "许可条件的 SHA-256")], [[facts.terms_hash]]))
    return found
