"""The license contract 专利实施许可合同, from its facts.

Articles follow Civil Code Art. 845-877 and what a contract has to name to be recorded (备案办法 Art. 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel

from services.licensing.papers.blocks import Block, Heading, Paper, Para, Rows, Signatures, same
from shared.contracts.catalog import Fee, FeeType, LicenseType
from shared.contracts.licensing import Installment, OfferTerms, QuickTerms, RoyaltyTerms
from shared.contracts.values import TYPE_NAME, PatentType
from shared.errors import Text


class PaperParty(BaseModel, frozen=True):
    """A party as a contract names it."""

    name: str
    uscc: str | None


class PaperPatent(BaseModel, frozen=True):
    """A patent as a contract names it."""

    title: str
    number: str | None
    patent_type: PatentType
    filed_on: date | None
    granted_on: date | None
    expires_on: date | None


class ContractFacts(BaseModel, frozen=True):
    """Everything that the contract depends on."""

    number: str
    agreed_on: date
    licensors: list[PaperParty]
    licensee: PaperParty
    patents: list[PaperPatent]
    terms: OfferTerms


_TYPE = {
    LicenseType.ORDINARY: Text(
        "Ordinary license: the licensor may exploit the patents itself and license others.",
        "普通实施许可：许可方可以自行实施许可专利，并可以许可他人实施。",
    ),
    LicenseType.SOLE: Text(
        "Sole license: within the scope the licensor licenses nobody else, and may exploit the patents itself.",
        "排他实施许可：在约定范围内仅许可被许可方一人实施，许可方可以自行实施。",
    ),
    LicenseType.EXCLUSIVE: Text(
        "Exclusive license: within the scope the licensee alone exploits the patents; the licensor does not.",
        "独占实施许可：在约定范围内仅由被许可方实施，许可方不得自行实施，也不得许可他人实施。",
    ),
}
_BASE = {
    "NET_SALES": Text("net sales", "净销售额"),
    "PROFIT": Text("profit", "利润"),
    "OUTPUT": Text("the value of output", "产值"),
}


def contract(facts: ContractFacts) -> Paper:
    """The contract in the parties' own terms, the rest as the law has it."""
    named = ", ".join(party.name for party in facts.licensors)
    zh_named = "、".join(party.name for party in facts.licensors)
    blocks: list[Block] = [
        parties_table(facts.licensors, facts.licensee),
        Para(
            Text(
                f"Agreed on {facts.agreed_on} between {named} and {facts.licensee.name} under the Civil Code and the"
                " Patent Law; binding once both sides have signed (Civil Code Art. 490, 491).",
                f"{zh_named}与{facts.licensee.name}依据《中华人民共和国民法典》《中华人民共和国专利法》于{in_words(facts.agreed_on)}达成"
                "本合同，自双方签署之日起成立并生效（民法典第四百九十条、第四百九十一条）。",
            )
        ),
    ]
    for at, (head, paras) in enumerate(_articles(facts), start=1):
        blocks.append(Heading(Text(f"Article {at}  {head.en}", f"第{_numeral(at)}条　{head.zh}")))
        blocks.extend(paras)
    blocks.append(
        Signatures(
            [
                Text("Licensor (seal, signature, date)", "许可方（签章、日期）"),
                Text("Licensee (seal, signature, date)", "被许可方（签章、日期）"),
            ]
        )
    )
    return Paper(Text("Patent License Contract", "专利实施许可合同"), facts.number, blocks, numbered="合同编号")


def _articles(facts: ContractFacts) -> list[tuple[Text, list[Block]]]:
    terms = facts.terms
    found: list[tuple[Text, list[Block]]] = [
        (Text("Licensed patents", "许可专利"), [patents_table(facts.patents)]),
        (Text("Kind and scope", "许可方式与范围"), [Para(_TYPE[terms.license_type]), *scope_lines(terms)]),
        (Text("Fee and payment", "许可使用费及支付"), fee_lines(terms)),
        (
            Text("Material and guidance", "技术资料与技术指导"),
            [
                Para(
                    Text(
                        "The licensor hands over the technical material needed for the exploitation and gives the"
                        " necessary guidance (Civil Code Art. 866).",
                        "许可方应当交付实施许可专利有关的技术资料，提供必要的技术指导（民法典第八百六十六条）。",
                    )
                )
            ],
        ),
        (
            Text("Keeping the patents alive", "专利权的维持"),
            [
                Para(
                    Text(
                        "The licensor pays the annual fees in time and answers requests for invalidation"
                        " (Interpretation on technology contracts Art. 26).",
                        "许可方应当在合同有效期内维持专利权有效，依法缴纳年费，积极应对他人提出的宣告专利权无效的请求"
                        "（技术合同司法解释第二十六条）。",
                    )
                )
            ],
        ),
        (
            Text("Warranty", "权利保证"),
            [
                Para(
                    Text(
                        "The licensor warrants that it holds the patents lawfully and that the technology is complete,"
                        " correct and effective; if the exploitation infringes others' rights, the licensor is liable"
                        " (Civil Code Art. 870, 874).",
                        "许可方保证自己是许可专利的合法拥有者，并保证所提供的技术完整、无误、有效，能够达到约定的目标；"
                        "被许可方按照约定实施专利侵害他人合法权益的，由许可方承担责任（民法典第八百七十条、第八百七十四条）。",
                    )
                )
            ],
        ),
        (
            Text("Improvements", "后续改进"),
            [
                Para(
                    Text(
                        "Improvements belong to the side that makes them; the other has no share in them unless both"
                        " agree otherwise (Civil Code Art. 875).",
                        "一方后续改进的技术成果归该方，其他各方无权分享；双方另有约定的除外（民法典第八百七十五条）。",
                    )
                )
            ],
        ),
        (
            Text("Confidentiality", "保密"),
            [
                Para(
                    Text(
                        "Both sides keep secret what of the technology is not public (Civil Code Art. 868, 871).",
                        "双方对许可技术中尚未公开的秘密部分承担保密义务（民法典第八百六十八条、第八百七十一条）。",
                    )
                )
            ],
        ),
        (
            Text("Breach", "违约责任"),
            [
                Para(
                    Text(
                        "Whoever breaks the contract returns or makes up fees and is liable for the damage; a licensee"
                        " that does not pay, even when reminded, stops exploiting and returns the material"
                        " (Civil Code Art. 872, 873).",
                        "违约方应当依法返还或者补交使用费并承担违约责任；被许可方不补交使用费或者支付违约金的，应当停止"
                        "实施专利，交还技术资料（民法典第八百七十二条、第八百七十三条）。",
                    )
                )
            ],
        ),
        (
            Text("Recordal", "备案"),
            [
                Para(
                    Text(
                        "Either side files this contract with the patent office within three months of its taking effect"
                        " (Implementing Regulations rule 15).",
                        "本合同自生效之日起三个月内由任一方向国务院专利行政部门备案（专利法实施细则第十五条）。",
                    )
                )
            ],
        ),
        (
            Text("End", "终止"),
            [
                Para(
                    Text(
                        "The contract ends with its term, with the patents, by agreement, or by notice after a breach"
                        " that was not cured within a reasonable time (Civil Code Art. 562, 563, 865). If a patent is"
                        " declared invalid, what was performed stands and what was not yet due is no longer owed"
                        " (Patent Law Art. 47).",
                        "合同因期限届满、专利权终止、双方协商一致，或者一方违约经催告后在合理期限内仍未履行而由对方通知解除"
                        "（民法典第五百六十二条、第五百六十三条、第八百六十五条）。专利权被宣告无效的，已经履行的部分不具有"
                        "追溯力，尚未到期的费用不再支付（专利法第四十七条）。",
                    )
                )
            ],
        ),
        (
            Text("Disputes", "争议解决"),
            [
                Para(
                    Text(
                        "Disputes are settled by negotiation or mediation, else by the competent people's court.",
                        "因本合同发生的争议，由双方协商或者申请调解解决；不成的，向有管辖权的人民法院起诉。",
                    )
                )
            ],
        ),
    ]
    if terms.clauses:
        found.append(
            (
                Text("Further clauses", "其他约定"),
                [Para(same(f"{at}. {text}")) for at, text in enumerate(terms.clauses, 1)],
            )
        )
    return found


def parties_table(licensors: Sequence[PaperParty], licensee: PaperParty) -> Rows:
    """Who licenses to whom."""
    sides = [*((Text("Licensor", "许可方"), party) for party in licensors), (Text("Licensee", "被许可方"), licensee)]
    heads = [Text("Side", "当事人"), Text("Name", "名称"), Text("Credit code", "统一社会信用代码")]
    return Rows(heads, [[side, party.name, party.uscc or "—"] for side, party in sides])


def patents_table(patents: Sequence[PaperPatent]) -> Rows:
    """Patents as a recordal has to name them."""
    heads = [
        Text("Title", "专利名称"), Text("Number", "申请号/专利号"), Text("Type", "类型"), Text("Filed", "申请日"),
        Text("Granted", "授权日"), Text("Ends", "届满日"),
    ]  # fmt: skip
    rows = [
        [
            one.title, one.number or "—", TYPE_NAME[one.patent_type].zh,
            *(day.isoformat() if day else "—" for day in (one.filed_on, one.granted_on, one.expires_on)),
        ]
        for one in patents
    ]  # fmt: skip
    return Rows(heads, rows)


def scope_lines(terms: OfferTerms) -> list[Block]:
    """Where, for what and how long."""
    scope = terms.scope
    where = "、".join(scope.territory or [])
    what = "、".join(scope.field_of_use or [])
    lines = [
        Text(
            f"Territory: {'regions ' + where + ' (GB/T 2260)' if where else 'all of China'}.",
            f"地域范围：{'行政区划代码 ' + where + '（GB/T 2260）' if where else '中华人民共和国境内'}。",
        ),
        Text(
            f"Field of use: {'industries ' + what + ' (GB/T 4754)' if what else 'every field'}.",
            f"领域范围：{'国民经济行业代码 ' + what + '（GB/T 4754）' if what else '不限'}。",
        ),
        Text(
            f"Term: from {scope.from_} to {scope.to}, both included.",
            f"许可期限：自{in_words(scope.from_)}起至{in_words(scope.to)}止。",
        ),
        Text(
            "The licensee may grant sublicenses, which are ordinary licenses."
            if terms.sublicensing_allowed
            else "The licensee may not grant sublicenses (Patent Law Art. 12).",
            "被许可方可以再许可他人实施，再许可为普通许可。"
            if terms.sublicensing_allowed
            else "被许可方无权允许合同规定以外的任何单位或者个人实施许可专利（专利法第十二条）。",
        ),
    ]
    return [Para(line) for line in lines]


EFFECT = Text("the contract taking effect", "合同生效之日")


def fee_lines(terms: OfferTerms | QuickTerms, since: Text = EFFECT) -> list[Block]:
    """What it costs, and when: counted from the day that `since` names."""
    fee, within = terms.fee, terms.payment_within_days
    if fee.fee_type is FeeType.FREE:
        return [Para(Text("The license is free of charge.", "本许可免收许可使用费。"))]
    found: list[Block] = []
    if fee.amount is not None and fee.fee_type is not FeeType.INSTALLMENTS:
        found.append(
            Para(
                Text(
                    f"{'An entry fee' if fee.fee_type is FeeType.ENTRY_PLUS_ROYALTY else 'A lump sum'} of CNY {fee.amount},"
                    f" payable within {within} days of {since.en}.",
                    f"{'入门费' if fee.fee_type is FeeType.ENTRY_PLUS_ROYALTY else '一次总付'}人民币{fee.amount}元，"
                    f"自{since.zh}起{within}日内支付。",
                )
            )
        )
    if terms.installments:
        found += installment_lines(fee, terms.installments, since)
    if fee.rate is not None:
        found += royalty_lines(fee, terms.royalty, within)
    return found


def installment_lines(fee: Fee, parts: Sequence[Installment], since: Text) -> list[Block]:
    """A fee in parts, each due some days after the day that `since` names."""
    heads = [
        Text("Part", "期次"), Text("Amount (CNY)", "金额（元）"),
        Text(f"Payable within days of {since.en}", f"自{since.zh}起支付期限（日）"),
    ]  # fmt: skip
    lead = Para(Text(f"CNY {fee.amount} in all, payable in parts:", f"总额人民币{fee.amount}元，分期支付："))
    return [lead, Rows(heads, [[str(at), part.amount, str(part.after_days)] for at, part in enumerate(parts, 1)])]


def royalty_lines(fee: Fee, said: RoyaltyTerms | None, within_days: int) -> list[Block]:
    """What a royalty is computed from, and within which bounds."""
    assert fee.rate is not None and fee.rate_base is not None
    base = _BASE[fee.rate_base]
    months = said.report_every_months if said else 12
    found: list[Block] = [
        Para(
            Text(
                f"A royalty of {_percent(fee.rate)} of {base.en}, reported every {months} months and payable within"
                f" {within_days} days of the report.",
                f"按{base.zh}的{_percent(fee.rate)}提成，每{months}个月报告一次，报告后{within_days}日内支付。",
            )
        )
    ]
    for step in said.steps if said else []:
        found.append(
            Para(
                Text(
                    f"Above CNY {step.above} of the base: {_percent(step.rate)}.",
                    f"提成基数累计超过人民币{step.above}元的部分：{_percent(step.rate)}。",
                )
            )
        )
    if said and said.minimum:
        found.append(
            Para(
                Text(f"At least CNY {said.minimum} for each report.", f"每个报告期最低提成额为人民币{said.minimum}元。")
            )
        )
    if said and said.cap:
        found.append(Para(Text(f"At most CNY {said.cap} in all.", f"提成总额以人民币{said.cap}元为上限。")))
    found.append(
        Para(
            Text(
                "The licensor may inspect the accounts that the royalty is computed from (Civil Code Art. 846).",
                "许可方有权查阅与提成有关的会计账目（民法典第八百四十六条）。",
            )
        )
    )
    return found


def _percent(rate: str) -> str:
    whole, _, part = rate.partition(".")
    digits = (whole + part.ljust(2, "0")[:2]).lstrip("0") or "0"
    rest = part[2:].rstrip("0")
    return f"{digits}{'.' + rest if rest else ''}%"


def in_words(day: date) -> str:
    """A day as Chinese papers write it."""
    return f"{day.year}年{day.month}月{day.day}日"


def _numeral(number: int) -> str:
    digits = "零一二三四五六七八九"
    if number < 10:
        return digits[number]
    return ("" if number < 20 else digits[number // 10]) + "十" + (digits[number % 10] if number % 10 else "")
