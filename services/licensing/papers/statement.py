"""Papers of license income: what one person is due of a year, and what a contract's registry asks for."""

from __future__ import annotations

from services.licensing.papers.blocks import Paper, Para, Rows, same
from shared.contracts.benefits import ContractRegistration, InventorStatement
from shared.contracts.values import TYPE_NAME
from shared.errors import Text


def statement(said: InventorStatement, unit: str) -> Paper:
    """The statement of one person of one year: each distribution, what it is due, what was paid."""
    heads = [
        Text("Approved", "批准日"), Text("Patents", "专利"), Text("Net income (CNY)", "许可净收入（元）"),
        Text("Due (CNY)", "应得（元）"), Text("Paid on", "发放日"), Text("Reference", "凭证号"),
    ]  # fmt: skip
    rows = [
        [
            one.approved_on.isoformat(), "；".join(one.titles), one.net.amount, one.amount.amount,
            one.paid_on.isoformat() if one.paid_on else "—", one.reference or "—",
        ]
        for one in said.items
    ]  # fmt: skip
    who = f"{said.name}（{said.inventor_id}）" if said.inventor_id else said.name
    lead = Text(
        f"{unit} shares the following license income of {said.year} with {who}"
        " (Patent Law Art. 15; Law on Promoting the Transformation of Achievements Art. 44, 45).",
        f"{unit}依照专利法第十五条、促进科技成果转化法第四十四条、第四十五条，就{said.year}年度批准分配的专利许可收入，"
        f"向{who}发放奖励和报酬如下：",
    )
    total = Text(
        f"In all CNY {said.total.amount}, of which CNY {said.paid.amount} have been paid. Before tax.",
        f"合计人民币{said.total.amount}元，其中已发放{said.paid.amount}元。以上为税前金额。",
    )
    number = f"{said.year}-{said.inventor_id or said.name}"
    return Paper(
        Text("Statement of License Income", "职务科技成果许可收益分配清单"),
        number,
        [Para(lead), Rows(heads, rows), Para(total)],
    )


def registration(said: ContractRegistration) -> Paper:
    """The facts of a license as the registry's form asks for them, and what is left to be added by hand."""
    amount = said.contract_amount.amount if said.contract_amount else "按提成计算 / royalty"
    technology = said.technology_amount.amount if said.technology_amount else "按提成计算 / royalty"
    facts = [
        ["合同名称", said.contract_name], ["合同类别", said.contract_kind],
        *(["卖方（许可方）", f"{one.name}  {one.uscc or '—'}  {one.region_code or ''}".rstrip()] for one in said.sellers),
        ["买方（被许可方）", f"{said.buyer.name}  {said.buyer.uscc or '—'}  {said.buyer.region_code or ''}".rstrip()],
        ["合同签订日", said.signed_on.isoformat()],
        ["合同有效期", f"{said.effective_on.isoformat()} — {said.ends_on.isoformat()}"],
        ["知识产权", "专利"],
        ["应用的国民经济行业", "、".join(said.industry_codes) or "不限"],
        ["合同成交总额（元）", amount], ["其中技术交易额（元）", technology],
        ["合同文本 SHA-256", said.document_sha256 or said.terms_hash],
    ]  # fmt: skip
    heads = [Text("Item", "项目"), Text("Content", "内容")]
    patents = [
        [
            one.title,
            one.number or "—",
            TYPE_NAME[one.patent_type].zh,
            one.grant_date.isoformat() if one.grant_date else "—",
        ]
        for one in said.patents
    ]
    patent_heads = [
        Text("Title", "专利名称"),
        Text("Number", "专利号"),
        Text("Type", "类型"),
        Text("Granted", "授权日"),
    ]
    return Paper(
        Text("Facts for the Registration of a Technology Contract", "技术合同认定登记信息表"),
        said.license_id,
        [
            Rows(heads, facts),
            Rows(patent_heads, patents),
            *(Para(same(line)) for line in said.payment),
            *(Para(same(f"{at}. {line}")) for at, line in enumerate(said.to_add, 1)),
        ],
    )
