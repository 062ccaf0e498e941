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
    parties_table,
    patents_table,
    royalty_lines,
    scope_lines,
)
from shared.contracts.catalog import Fee, FeeType, LicenseType
from shared.contracts.licensing import OfferTerms
from shared.errors import Text

_TYPE = {
    LicenseType.ORDINARY: Text("ordinary license", "普通实施许可"),
    LicenseType.SOLE: Text("sole license", "排他实施许可"),
    LicenseType.EXCLUSIVE: Text("exclusive license", "独占实施许可"),
}


class LicenseFacts(BaseModel, frozen=True):
    """A license as its papers tell of it."""

    number: str
    is_open: bool = False
    is_trial: bool = False
    licensors: list[PaperParty]
    licensee: PaperParty
    patents: list[PaperPatent]
    terms: OfferTerms
    terms_hash: str
    payment_method: str | None = None  # as announced; of an open license
    effective_on: date
    recordal_due_on: date
    steps: list[tuple[date, str, str]]  # a day, and what was done on it in English and Chinese
    paid: list[tuple[date, str, str]] = []  # a day, the amount in yuan, the bank's reference


def certificate(facts: LicenseFacts) -> Paper:
    """What a license rests on, for whoever has to show it: notice, terms, payments, the day from which it is in force."""
    if facts.is_open:
        title = Text("Certificate of an Open License", "专利开放许可实施证明")
        basis = Text(
            "The licensee gave written notice under the announced declaration and paid what was due; with that it holds"
            f" the license, in force since {facts.effective_on} (Patent Law Art. 51).",
            "被许可方已按公告的开放许可声明以书面方式通知专利权人并支付许可使用费，依照专利法第五十一条第一款即获得专利实施许可，"
            f"自{in_words(facts.effective_on)}起生效。",
        )
    else:
        title = Text("Certificate of a Quick License", "专利快速许可实施证明")
        basis = Text(
            f"The licensee took up the standing offer; the license is in force since {facts.effective_on}"
            f"{' as a trial' if facts.is_trial else ''} (Civil Code Art. 473, 491).",
            f"被许可方已接受许可方的快速许可要约，许可自{in_words(facts.effective_on)}起生效"
            f"{'，现处于试用期' if facts.is_trial else ''}（民法典第四百七十三条、第四百九十一条）。",
        )
    note = Text(
        "Made by the platform from the acts on record. It is not the patent office's certificate of recordal.",
        "本证明由平台依据已记录的行为生成，不是国家知识产权局出具的备案证明。",
    )
    return Paper(
        title, facts.number, [parties_table(facts.licensors, facts.licensee), Para(basis), *_whole(facts), Para(note)]
    )


def dossier(facts: LicenseFacts, license_type: LicenseType, open_points: list[Text]) -> Paper:
    """What the office asks for to record a license (recordal rules Art. 8, 9), and what stands against it today."""
    due = Text(
        f"{_TYPE[license_type].en.capitalize()}, in force since {facts.effective_on}; to be filed until"
        f" {facts.recordal_due_on} (Implementing Regulations rule 15).",
        f"{_TYPE[license_type].zh}，自{in_words(facts.effective_on)}起生效，应于{in_words(facts.recordal_due_on)}前办理备案"
        "（专利法实施细则第十五条）。",
    )
    points: list[Block] = [Heading(Text("Before filing", "提交前须处理的事项"))]
    points += [Para(Text(f"{at}. {one.en}", f"{at}. {one.zh}")) for at, one in enumerate(open_points, 1)]
    title = Text("Dossier for the Recordal of a License", "专利实施许可合同备案材料")
    return Paper(
        title, facts.number, [parties_table(facts.licensors, facts.licensee), Para(due), *points, *_whole(facts)]
    )


def announced(fee: Fee, within_days: int, method: str) -> list[Block]:
    """The announced fee, and how it is paid: in the patentee's own words."""
    found: list[Block] = []
    if fee.fee_type is FeeType.FREE:
        found.append(Para(Text("Free of charge.", "免收许可使用费。")))
    if fee.amount is not None:
        found.append(Para(Text(f"CNY {fee.amount}.", f"人民币{fee.amount}元。")))
    if fee.rate is not None:
        found += royalty_lines(fee, None, within_days)
    return [*found, Para(same(method))]


def _whole(facts: LicenseFacts) -> list[Block]:
    heads, terms, method = [Text("Day", "日期"), Text("Act", "行为")], facts.terms, facts.payment_method
    found: list[Block] = [
        Heading(Text("Licensed patents", "许可专利")),
        patents_table(facts.patents),
        Heading(Text("Scope", "许可范围")),
        *scope_lines(terms),
        Heading(Text("Fee", "许可使用费")),
        *(fee_lines(terms) if method is None else announced(terms.fee, terms.payment_within_days, method)),
        Heading(Text("On record", "已记录的行为")),
        Rows(heads, [[day.isoformat(), f"{zh} / {en}"] for day, en, zh in facts.steps]),
    ]
    if facts.paid:
        heads = [Text("Paid on", "付款日"), Text("Amount (CNY)", "金额（元）"), Text("Reference", "凭证号")]
        found.append(Rows(heads, [[day.isoformat(), amount, said] for day, amount, said in facts.paid]))
    found.append(Rows([Text("SHA-256 of the terms", "许可条件的 SHA-256")], [[facts.terms_hash]]))
    return found
