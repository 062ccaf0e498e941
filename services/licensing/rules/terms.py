"""The announced terms: what a declaration must and must not say. Ceilings and words are policy, and stand as data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from services.licensing.rules.periods import months_after
from services.licensing.rules.policies import Policies
from shared.contracts.catalog import Fee, FeeType
from shared.contracts.licensing import DeclarationDraft
from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_50 = Text("Patent Law Art. 50", "专利法第五十条第一款")
_GUIDE = Text("CNIPA's guide to open licenses", "国家知识产权局专利开放许可办理指南")


def fen(amount: str) -> int:
    """A decimal amount of yuan as whole fen."""
    return int(Decimal(amount) * 100)


def yuan(amount: int) -> str:
    """Whole fen as a decimal amount of yuan."""
    return f"{amount // 100}.{amount % 100:02d}"


@rule("OL-FEE-FORM", source=_ART_50, since="2021-06-01")
def fee_is_stated(fee: Fee) -> Refusal | None:
    """A declaration states method and standard of payment: nothing is left to be negotiated, and nothing costs nothing."""
    if fee.amount is not None and not fen(fee.amount):
        return Refusal(
            "OL-FEE-FORM",
            Text("a fee of nothing is of type FREE", "费用为零的，请使用 FREE 类型"),
            Text("choose FREE, or state the amount", "请选择 FREE，或填写金额"),
            pointer="/fee/amount",
        )
    if fee.fee_type is not FeeType.NEGOTIABLE:
        return None
    return Refusal(
        "OL-FEE-FORM",
        Text("an open license has an announced fee", "开放许可须明确许可使用费支付方式、标准，不得面议"),
        Text("state a fee, or FREE; to negotiate, put a listing on offer", "请填写费用或选择 FREE；需协商的请改用挂牌"),
        pointer="/fee/fee_type",
    )


@rule("FEE-INSTALLMENTS", source=Text("Civil Code Art. 846", "民法典第八百四十六条"), since="2021-01-01")
def installments_sum_up(draft: DeclarationDraft) -> Refusal | None:
    """A fee in installments names them: in the order of their days, the first with the notice, summing to the fee."""
    parts = draft.installments
    if draft.fee.fee_type is not FeeType.INSTALLMENTS:
        if not parts:
            return None
        message = Text("only a fee of type INSTALLMENTS has installments", "只有 INSTALLMENTS 类型的费用可分期")
    else:
        days = [part.after_days for part in parts]
        total = sum(fen(part.amount) for part in parts)
        if parts and days[0] == 0 and days == sorted(set(days)) and total == fen(draft.fee.amount or "0"):
            return None
        message = Text(
            f"the installments sum to {yuan(total)}, the fee is {draft.fee.amount}; the first is due after 0 days",
            f"各期合计 {yuan(total)}，许可费为 {draft.fee.amount}；首期应在0日后到期，其余按日期先后排列",
        )
    return Refusal(
        "FEE-INSTALLMENTS",
        message,
        Text("mend `installments`: [{amount, after_days}, …]", "请更正 installments：[{amount, after_days}, …]"),
        pointer="/installments",
    )


@rule(
    "OL-AD-WORDING",
    source=Text("Implementing Regulations rule 85", "专利法实施细则第八十五条第三款"),
    since="2024-01-20",
)
def wording_is_plain(payment_method: str, calculation_note: str, ad_words: Sequence[str]) -> Refusal | None:
    """A declaration is accurate and clear, without commercial advertising: praise, promises of profit, firsts and onlys."""
    texts = (("/payment_method", payment_method), ("/calculation_note", calculation_note))
    for pointer, text in texts:
        folded = text.casefold()
        if found := [word for word in ad_words if word in folded]:
            return Refusal(
                "OL-AD-WORDING",
                Text(f"this is advertising: {', '.join(found)}", f"声明中不得出现商业性宣传用语：{'、'.join(found)}"),
                Text(
                    "say what is licensed and how the fee was computed, without praise",
                    "请删除宣传用语，如实说明许可内容与费用计算依据",
                ),
                pointer=pointer,
            )
    return None


@rule("OL-FEE-CAP", source=_GUIDE, since="2024-01-20")
def fee_is_usual(fee: Fee, usual: Policies) -> Refusal | None:
    """Open licenses generally cost no more at once, of net sales or of profit than the office's ceilings: a warning."""
    rate = Decimal(fee.rate) if fee.rate is not None else Decimal(0)
    most = usual.rate_most.get(fee.rate_base or "")
    if Decimal(fee.amount or 0) <= usual.lump_sum_most and (most is None or rate <= most):
        return None
    at_once, sales, profit = f"{usual.lump_sum_most:,f}", usual.rate_most["NET_SALES"], usual.rate_most["PROFIT"]
    return Refusal(
        "OL-FEE-CAP",
        Text(
            f"the fee is above what CNIPA generally accepts: {at_once} yuan, {sales:%} of net sales, {profit:%} of profit",
            f"许可使用费高于一般上限：一次总付{at_once}元、净销售额的{sales:%}、利润额的{profit:%}",
        ),
        Text("lower it, or license on negotiated terms instead", "请降低费用，或改用普通许可协商"),
        pointer="/fee",
        severity="WARN",
    )


@rule("OL-TERM", source=_GUIDE, since="2024-01-20")
def term_is_usual(months: int, usual: Policies) -> Refusal | None:
    """An open license runs for the office's least term or longer, in principle: a warning."""
    if months >= usual.months_least:
        return None
    return Refusal(
        "OL-TERM",
        Text(
            f"a license of {months} months is short of {usual.months_least}",
            f"许可期限{months}个月，原则上不应少于{usual.months_least}个月",
        ),
        Text(f"state {usual.months_least} months or more", f"请填写{usual.months_least}个月以上"),
        pointer="/license_term_months",
        severity="WARN",
    )


@rule("OL-TERM-EXPIRY", source=Text("Civil Code Art. 865", "民法典第八百六十五条"), since="2021-01-01")
def term_fits_the_patent(months: int, today: date, expiry: date | None) -> Refusal | None:
    """A license is valid only while the patent is: a term that outlasts it will be cut at its end, a warning."""
    if expiry is None or months_after(today, months) <= expiry:
        return None
    return Refusal(
        "OL-TERM-EXPIRY",
        Text(
            f"the patent ends on {expiry}, before a license of {months} months",
            f"专利权将于{expiry}届满，早于{months}个月的许可期限",
        ),
        Text("licenses will end with the patent; state a shorter term", "许可将随专利权届满而终止；请缩短许可期限"),
        pointer="/license_term_months",
        severity="WARN",
    )


def against(draft: DeclarationDraft, usual: Policies) -> list[Refusal]:
    """What is wrong with terms by themselves."""
    found = [
        fee_is_stated(draft.fee),
        installments_sum_up(draft),
        wording_is_plain(draft.payment_method, draft.calculation_note, usual.ad_words),
    ]
    return [no for no in found if no]


def doubts(fee: Fee, months: int, today: date, expiry: date | None, usual: Policies) -> list[Refusal]:
    """What the office may object to, to be acknowledged at filing."""
    found = [fee_is_usual(fee, usual), term_is_usual(months, usual), term_fits_the_patent(months, today, expiry)]
    return [no for no in found if no]


def due_fen(fee: Fee, first_installment: str | None) -> int:
    """What has to be paid before the license takes effect, in fen: nothing of a free license or a pure royalty."""
    if fee.fee_type is FeeType.INSTALLMENTS:
        return fen(first_installment or "0")
    return fen(fee.amount or "0")
