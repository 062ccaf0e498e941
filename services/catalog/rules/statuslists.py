"""Lists of legal events and of annual fees: rows by a patent's number, as an office or an agency keeps them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from services.catalog.rules.events import event_is_past, particulars_fit
from services.catalog.rules.tables import (
    SINCE,
    SOURCE,
    Cell,
    Heads,
    day,
    folded,
    ill_formed,
    many,
    number_is_whole,
    refused_as,
    text,
)
from shared.contracts.catalog import EventCode, LegalEventDraft, LegalState, LicenseType
from shared.contracts.values import fold, parse_application_number, parse_publication_number
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

_NUMBERS = {
    "number": ("专利号", "号码", "patent_number"),
    "application_number": ("申请号", "专利申请号"),
    "publication_number": ("公开（公告）号", "公开号", "公告号", "授权公告号"),
}
EVENT_HEADS = Heads(
    {
        **_NUMBERS,
        "event": ("法律事件", "事件", "事件类型", "事件代码", "code"),
        "occurred_on": ("发生日", "日期", "事件日", "事件日期", "公告日", "查询日", "date"),
        "state": ("登记簿状态", "状态", "法律状态", "status"),
        "fees_paid_until": ("年费缴至", "缴至", "已缴至", "年费有效期至", "paid_until"),
        "party": ("当事人", "质权人", "被许可人", "受让人", "法院", "party"),
        "party_uscc": ("统一社会信用代码", "当事人统一社会信用代码"),
        "holders": ("变更后权利人", "变更后专利权人", "新专利权人"),
        "reference": ("登记号", "备案号", "质押登记号", "公告编号", "文号", "reference"),
        "until": ("有效期至", "终止日", "许可终止日", "期限至", "until"),
        "license_type": ("许可类型", "许可方式", "license_type"),
        "days": ("补偿天数", "补偿期限", "days"),
        "conclusion": ("评价结论", "结论", "conclusion"),
        "note": ("备注", "说明"),
    }
)
FEE_HEADS = Heads(
    {
        **_NUMBERS,
        "paid_on": ("缴费日", "缴费日期", "缴纳日期", "日期", "date"),
        "fees_paid_until": ("年费缴至", "缴至", "已缴至", "年费有效期至", "paid_until"),
        "fee_year": ("年费年度", "缴费年度", "年度"),
        "note": ("备注", "说明"),
    }
)

# The one table of names: a code that is added to EventCode gets its Chinese names here.
EVENT_NAMES: dict[EventCode, tuple[str, ...]] = {
    EventCode.GRANT: ("授权", "授权公告", "专利权授予"),
    EventCode.ANNUAL_FEE_PAID: ("年费缴纳", "缴纳年费", "年费已缴", "缴费"),
    EventCode.REGISTER_CHECKED: ("登记簿核查", "登记簿查询", "登记簿副本", "状态查询"),
    EventCode.SUSPENSION: ("中止", "专利权中止"),
    EventCode.SUSPENSION_END: ("中止结束", "中止解除"),
    EventCode.LAPSE: ("终止", "未缴年费终止", "专利权终止", "未缴年费专利权终止"),
    EventCode.RESTORATION: ("恢复", "权利恢复", "专利权恢复"),
    EventCode.ABANDONMENT: ("放弃", "专利权放弃", "主动放弃"),
    EventCode.PARTIAL_INVALIDATION: ("部分无效", "专利权部分无效"),
    EventCode.INVALIDATION: ("无效", "全部无效", "专利权无效", "专利权全部无效"),
    EventCode.REFUSAL: ("驳回", "申请驳回"),
    EventCode.APPLICATION_WITHDRAWAL: ("撤回", "视为撤回", "申请撤回"),
    EventCode.TRANSFER: ("转移", "转让", "专利权转移", "专利申请权、专利权的转移"),
    EventCode.HOLDER_CHANGE: ("著录事项变更", "专利权人变更", "变更"),
    EventCode.PLEDGE: ("质押", "质押登记", "专利权质押"),
    EventCode.PLEDGE_RELEASE: ("质押解除", "质押注销", "质押登记注销"),
    EventCode.PRESERVATION: ("保全", "财产保全", "专利权保全"),
    EventCode.PRESERVATION_END: ("保全解除", "财产保全解除"),
    EventCode.LICENSE_RECORDED: ("许可备案", "许可", "实施许可合同备案"),
    EventCode.LICENSE_ENDED: ("许可终止", "许可备案注销"),
    EventCode.OPEN_LICENSE: ("开放许可", "开放许可公告"),
    EventCode.OPEN_LICENSE_WITHDRAWAL: ("开放许可撤回", "撤回开放许可"),
    EventCode.COMPULSORY_LICENSE: ("强制许可",),
    EventCode.TERM_COMPENSATION: ("期限补偿", "专利权期限补偿"),
    EventCode.CLASSIFICATION: ("定密", "保密专利", "国防专利"),
    EventCode.DECLASSIFICATION: ("解密", "保密专利解密"),
    EventCode.EVALUATION_REPORT: ("评价报告", "专利权评价报告"),
    EventCode.CO_OWNERS_AGREEMENT: ("共有人约定",),
    EventCode.CONSENT: ("同意",),
    EventCode.CONSENT_REVOCATION: ("撤销同意",),
    EventCode.SELF_EXPLOITATION: ("自行实施", "自实施"),
    EventCode.EQUITY_CONTRIBUTION: ("作价入股", "作价投资"),
}
STATE_NAMES: dict[LegalState, tuple[str, ...]] = {
    LegalState.UNKNOWN: ("未知", "不详"),
    LegalState.PENDING: ("审查中", "实质审查", "公开"),
    LegalState.IN_FORCE: ("有效", "有权", "维持", "授权", "专利权维持"),
    LegalState.FEE_GRACE_PERIOD: ("等年费滞纳期", "等年费滞纳金", "滞纳期", "等待年费滞纳金"),
    LegalState.SUSPENDED: ("中止",),
    LegalState.LAPSED_UNPAID_FEE: ("失效", "终止", "无权", "未缴年费终止", "未缴年费专利权终止"),
    LegalState.ABANDONED: ("放弃", "主动放弃"),
    LegalState.EXPIRED: ("届满", "期限届满", "期限届满专利权终止"),
    LegalState.PARTIALLY_INVALIDATED: ("部分无效",),
    LegalState.INVALIDATED: ("无效", "全部无效"),
    LegalState.RESTORED: ("恢复", "权利恢复"),
    LegalState.REFUSED: ("驳回",),
    LegalState.WITHDRAWN: ("撤回", "视为撤回"),
}
LICENSE_NAMES: dict[LicenseType, tuple[str, ...]] = {
    LicenseType.ORDINARY: ("普通", "普通许可"),
    LicenseType.SOLE: ("排他", "排他许可"),
    LicenseType.EXCLUSIVE: ("独占", "独占许可"),
}
CONCLUSION_NAMES = {"MEETS": ("符合", "符合授予专利权条件"), "FAILS": ("不符合", "不符合授予专利权条件")}
_LICENSE_OF = {folded(name): kind for kind, names in LICENSE_NAMES.items() for name in (kind.value, *names)}
_CONCLUSION_OF = {folded(name): said for said, names in CONCLUSION_NAMES.items() for name in (said, *names)}
_EVENT_OF = {folded(name): code for code, names in EVENT_NAMES.items() for name in (code.value, *names)}
_STATE_OF = {folded(name): state for state, names in STATE_NAMES.items() for name in (state.value, *names)}


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row of a list of events: whose, and what; or reasons.

    `fee_year` stands in place of a day until which fees are paid, and needs the patent's filing date.
    """

    number: int
    patent: str = ""
    draft: LegalEventDraft | None = None
    fee_year: int | None = None
    reasons: list[Cell] = field(default_factory=list)


@rule("IM-EVENT", source=SOURCE, since=SINCE)
def event_code(raw: str | None) -> EventCode:
    """An event is named by its code or by one of its Chinese names. Raises: Refused."""
    if (found := _EVENT_OF.get(folded(raw or ""))) is not None:
        return found
    raise Refused(
        Refusal(
            "IM-EVENT",
            Text("this is not the name of a legal event", "这不是法律事件的名称"),
            Text(
                "write one of " + ", ".join(code.value for code in EVENT_NAMES),
                "请填写：" + "、".join(names[0] for names in EVENT_NAMES.values()),
            ),
        )
    )


@rule("IM-STATE", source=SOURCE, since=SINCE)
def register_state(raw: str | None) -> LegalState | None:
    """A look at the register says a state, by its code or by one of its Chinese names. Raises: Refused."""
    if raw is None:
        return None
    if (found := _STATE_OF.get(folded(raw))) is not None:
        return found
    raise Refused(
        Refusal(
            "IM-STATE",
            Text("this is not the name of a legal status", "这不是法律状态的名称"),
            Text(
                "write one of " + ", ".join(state.value for state in STATE_NAMES),
                "请填写：" + "、".join(names[0] for names in STATE_NAMES.values()),
            ),
        )
    )


@rule("IM-FEE", source=Text("Implementing Regulations rule 115", "专利法实施细则第一百一十五条"), since="2024-01-20")
def fees_run_until(filed_on: date | None, fee_year: int) -> date | Refusal:
    """The fee of a year keeps a patent to the end of that year, counted from the filing date.

    Units: fee_year from 1; the last day is the corresponding day of the filing, as of which the next year's is due.
    """
    if filed_on is None:
        return Refusal(
            "IM-FEE",
            Text(
                "the filing date of this patent is not recorded, so that the fee year says no day",
                "该专利未登记申请日，无法由年度推算年费缴至日",
            ),
            Text("fill in fees_paid_until, or record the filing date first", "请填写“年费缴至”，或先登记申请日"),
        )
    try:
        return filed_on.replace(year=filed_on.year + fee_year)
    except ValueError:
        return date(filed_on.year + fee_year, 2, 28)


def patent_number(cells: Mapping[str, Any]) -> str:
    """The number by which a row names its patent, application or publication. Raises: Refused; ValueError."""
    for name in _NUMBERS:
        value = cells.get(name)
        if (no := number_is_whole(value)) is not None:
            raise Refused(no)
        if (written := text(value)) is not None:
            is_publication = re.fullmatch(r"CN[0-9]+[A-Z][0-9]?", fold(written).upper())
            return parse_publication_number(written) if is_publication else parse_application_number(written)
    raise Refused(ill_formed("number", "empty"))


def read_event(number: int, raw: Mapping[str, Any], heads: Mapping[str, str], today: date) -> EventRow:
    """A row of a list of legal events, or all reasons why it cannot be recorded."""
    reading = _Reading(raw, heads)
    patent = reading.take("number", lambda _: patent_number(reading.cells))
    code = reading.take("event", lambda value: event_code(text(value)))
    facts = {"code": code, "occurred_on": reading.take("occurred_on", _needed(day))}
    state = reading.take("state", lambda value: register_state(text(value)))
    detail = {
        "state": state if code is EventCode.REGISTER_CHECKED else None,
        "fees_paid_until": reading.take("fees_paid_until", day),
        "party": reading.take("party", text),
        "party_uscc": reading.take("party_uscc", text),
        "holders": reading.take("holders", _holders),
        "reference": reading.take("reference", text),
        "until": reading.take("until", day),
        "license_type": reading.take("license_type", lambda value: _named(value, _LICENSE_OF)),
        "days": reading.take("days", _days),
        "conclusion": reading.take("conclusion", lambda value: _named(value, _CONCLUSION_OF)),
        "note": reading.take("note", text),
    }
    return reading.row(number, patent, facts, detail, today, None)


def read_fee(number: int, raw: Mapping[str, Any], heads: Mapping[str, str], today: date) -> EventRow:
    """A row of a list of annual fees: paid on a day, until a day or for a year; or all reasons why not."""
    reading = _Reading(raw, heads)
    patent = reading.take("number", lambda _: patent_number(reading.cells))
    facts = {"code": EventCode.ANNUAL_FEE_PAID, "occurred_on": reading.take("paid_on", _needed(day))}
    until = reading.take("fees_paid_until", day)
    fee_year = reading.take("fee_year", _year)
    if until is None and fee_year is None and not reading.reasons:
        reading.refuse("fees_paid_until", ill_formed("fees_paid_until", "empty"))
    detail = {"fees_paid_until": until, "note": reading.take("note", text)}
    return reading.row(number, patent, facts, detail, today, fee_year if until is None else None)


def _named(value: Any, names: Mapping[str, Any]) -> Any:
    """One of some names, in either language. Raises: ValueError."""
    if (written := text(value)) is None:
        return None
    if (found := names.get(folded(written))) is None:
        raise ValueError(written)
    return found


def _holders(value: Any) -> list[dict[str, Any]] | None:
    """Names, or in JSON what else is known of each; an id of this platform is for the operator to give by form."""
    found = [part if isinstance(part, dict) else {"name": text(part)} for part in many(value)]
    if any("organization_id" in holder for holder in found):
        raise ValueError("organization_id")
    return [holder for holder in found if holder != {"name": None}] or None


def _days(value: Any) -> int | None:
    written = re.sub(r"[天日]$", "", fold(text(value) or ""))
    return int(written) if written else None


def _needed(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def needed(value: Any) -> Any:
        if (found := read(value)) is None:
            raise Refused(ill_formed("", "empty"))
        return found

    return needed


def _year(value: Any) -> int | None:
    written = re.sub(r"^第|年度?$", "", fold(text(value) or ""))
    if not written:
        return None
    if not re.fullmatch(r"[0-9]{1,2}", written) or not 1 <= int(written) <= 20:
        raise ValueError(written)
    return int(written)


class _Reading:
    """One row being read: its cells by field, and what is wrong with them."""

    def __init__(self, raw: Mapping[str, Any], heads: Mapping[str, str]) -> None:
        self.cells = {name: raw[head] for head, name in heads.items() if head in raw}
        self._column_of = {name: head for head, name in heads.items()}
        self.reasons: list[Cell] = []

    def refuse(self, name: str, refusal: Refusal) -> None:
        column = self._column_of.get(name, name)
        if name == "number":
            column = next((self._column_of[key] for key in _NUMBERS if key in self._column_of), name)
        self.reasons.append(Cell(refusal, column))

    def take(self, name: str, read: Callable[[Any], Any]) -> Any:
        try:
            return read(self.cells.get(name))
        except Refused as refused:
            self.refuse(name, refused.refusal)
        except ValueError:
            self.refuse(name, ill_formed(name, ""))
        return None

    def row(
        self,
        number: int,
        patent: str | None,
        facts: Mapping[str, Any],
        detail: Mapping[str, Any],
        today: date,
        fee_year: int | None,
    ) -> EventRow:
        if self.reasons or patent is None:
            return EventRow(number, reasons=self.reasons)
        said = {name: value for name, value in detail.items() if value is not None}
        try:
            draft = LegalEventDraft.model_validate({**facts, "detail": said or None})
        except ValidationError as refused:
            for error in refused.errors(include_url=False, include_input=False):
                name = str(error["loc"][-1]) if error["loc"] else ""
                self.refuse(
                    "paid_on" if name == "occurred_on" and "paid_on" in self.cells else name, refused_as(error, name)
                )
            return EventRow(number, reasons=self.reasons)
        if (no := particulars_fit(draft.code, draft.detail)) is not None:
            self.refuse((no.pointer or "").rpartition("/")[2], no)
        if (no := event_is_past(draft.occurred_on, today)) is not None:
            self.refuse("paid_on" if "paid_on" in self._column_of else "occurred_on", no)
        return EventRow(number, patent, draft, fee_year, self.reasons)
