"""Days, rates and money."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator

from shared.contracts.values.spelling import Raw, coded, fold
from shared.contracts.wire import Ask
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule


@rule("DATE-FORM", source=Text("ISO 8601; GB/T 7408", "ISO 8601；GB/T 7408"), since="2005-10-01")
def parse_day(raw: str) -> date:
    """A calendar day, written 2023-05-01, 2023/5/1, 2023.5.1, 20230501 or 2023年5月1日."""
    bare = fold(raw)
    match = re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", bare) or re.fullmatch(
        r"([0-9]{4})([0-9]{2})([0-9]{2})", bare
    )
    try:
        if match is None:
            raise ValueError(bare)
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise Refused(
            Refusal(
                "DATE-FORM",
                Text("this is not a calendar day", "这不是有效日期"),
                Text("write as 2023-05-01", "应写作 2023-05-01"),
            )
        ) from None


@rule("RATE-FORM", source=Text("the platform's wire format", "平台数据格式"), since="2026-11-22")
def parse_rate(raw: str) -> str:
    """A rate between 0 and 1 as a decimal string: "0.03" is three per cent."""
    if not re.fullmatch(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?", raw):
        raise Refused(
            Refusal(
                "RATE-FORM",
                Text("a rate is a decimal string between 0 and 1", "费率应为0到1之间的十进制字符串"),
                Text('write three per cent as "0.03"', "百分之三写作 “0.03”"),
            )
        )
    return raw


@rule("MONEY-FORM", source=Text("the platform's wire format", "平台数据格式"), since="2026-11-22")
def parse_amount(raw: str) -> str:
    """An amount of money as a decimal string with two places, never negative, below a trillion."""
    try:
        amount = Decimal(raw)
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", raw):
            raise InvalidOperation
    except InvalidOperation:
        raise Refused(
            Refusal(
                "MONEY-FORM",
                Text("an amount is a decimal string with at most two places", "金额应为至多两位小数的十进制字符串"),
                Text('write thirty thousand as "30000.00"', "三万元写作 “30000.00”"),
            )
        ) from None
    return f"{amount:.2f}"


Rate = Annotated[Raw, AfterValidator(parse_rate), coded(r"^(0(\.\d{1,6})?|1(\.0{1,6})?)$", "0.03", "Decimal rate")]
Amount = Annotated[Raw, AfterValidator(parse_amount), coded(r"^\d{1,12}(\.\d{1,2})?$", "30000.00", "Decimal amount")]


class Money(Ask):
    """An exact amount."""

    amount: Amount
    currency: Literal["CNY"] = "CNY"
