"""The written notice 书面通知 under an open license, as it reached the patentee (Patent Law Art. 51)."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel

from services.licensing.papers.blocks import Heading, Paper, Para, Rows, same
from services.licensing.papers.certificate import announced
from services.licensing.papers.contract import PaperParty, PaperPatent, in_words, parties_table, patents_table
from shared.contracts.licensing import Terms
from shared.errors import Text


class NoticeFacts(BaseModel, frozen=True):
    """A notice, and the announced terms that it froze."""

    number: str
    licensors: list[PaperParty]
    licensee: PaperParty
    patent: PaperPatent
    announcement_number: str
    announced_on: date
    terms: Terms
    terms_hash: str
    intended_use: str
    delivered_on: date
    due: str
    payment_due_on: date


def notice(facts: NoticeFacts) -> Paper:
    """Who takes which license on which terms, and what has to be paid by when for it to be in force."""
    lead = Text(
        f"By the open license announced on {facts.announced_on} as {facts.announcement_number}, the licensee gives notice"
        " that it will exploit the patent on the announced terms (Patent Law Art. 51).",
        f"被许可方依照{in_words(facts.announced_on)}公告的专利开放许可声明（公告编号{facts.announcement_number}），"
        "依据专利法第五十一条第一款，以书面方式通知专利权人：被许可方愿意按照公告的许可条件实施下列专利。",
    )
    if facts.due == "0.00":
        effect = Text(
            f"Nothing is due beforehand: the license is in force with this notice, delivered on {facts.delivered_on}.",
            f"本许可无需预先付款，自本通知{in_words(facts.delivered_on)}送达时起生效。",
        )
    else:
        effect = Text(
            f"Delivered on {facts.delivered_on}. CNY {facts.due} are payable until {facts.payment_due_on}; with the payment"
            " the license is in force, without anybody's approval.",
            f"本通知于{in_words(facts.delivered_on)}送达。许可使用费人民币{facts.due}元应于{in_words(facts.payment_due_on)}前（含当日）"
            "支付，支付后即取得专利实施许可，无需任何人批准。",
        )
    months = facts.terms.license_term_months
    term = Text(f"{months} months from effect.", f"许可期限：自生效之日起{months}个月。")
    return Paper(
        Text("Notice under an Open License", "专利开放许可实施通知书"),
        facts.number,
        [
            parties_table(facts.licensors, facts.licensee),
            Para(lead),
            patents_table([facts.patent]),
            Heading(Text("Intended use", "拟实施的用途")),
            Para(same(facts.intended_use)),
            Heading(Text("Announced terms", "公告的许可条件")),
            Para(term),
            *announced(facts.terms),
            Rows([Text("SHA-256 of the terms", "许可条件的 SHA-256")], [[facts.terms_hash]]),
            Para(effect),
        ],
    )
