"""Which number names which patent: one record for each, whichever of its numbers came first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.catalog.rules.holders import Keeping
from services.catalog.rules.status import Standing
from shared.contracts.catalog import EncumbranceKind, LegalState
from shared.contracts.values import PatentType, fold
from shared.errors import Text
from shared.rulebook import Refusal, rule

_REGISTER = Text("the platform's register of patents", "平台专利登记规则")


class Named(NamedTuple):
    """What identifies a patent, in a record or in what somebody tells of it."""

    application_number: str | None
    publication_number: str | None
    patent_type: PatentType
    title: str


@rule("PN-FACTS", source=_REGISTER, since="2026-11-22")
def one_patent(recorded: Named, told: Named) -> Refusal | None:
    """An application number joins a record that its publication number names only where type and title agree.

    A publication number has no check character: a slip in it names somebody else's patent. An
    application number that names the record by itself leaves no doubt, and titles change on the way to the grant.
    """
    if told.application_number is None or told.application_number == recorded.application_number:
        return None
    agrees = recorded.patent_type is told.patent_type and fold(recorded.title).lower() == fold(told.title).lower()
    if recorded.application_number is None and agrees:
        return None
    what = (
        Text("an application number", "申请号")
        if recorded.application_number
        else Text("a title or type", "名称或类型")
    )
    return Refusal(
        "PN-FACTS",
        Text(
            f"this publication number is recorded with {what.en} that differs from yours",
            f"该公开（公告）号已登记的{what.zh}与您提供的不一致",
        ),
        Text(
            "compare both numbers and the title with the gazette; if your record is the wrong one, correct it first",
            "请与专利公报核对两个号码和名称；如已有记录有误，请先更正该记录",
        ),
        pointer="/publication_number",
    )


@rule("PN-SPLIT", source=_REGISTER, since="2026-11-22")
def one_record(ids: list[str]) -> Refusal | None:
    """The two numbers of one patent stand in one record, not in two."""
    if len(ids) < 2:
        return None
    return Refusal(
        "PN-SPLIT",
        Text(
            f"the two numbers stand in two of your records, {ids[0]} and {ids[1]}",
            f"两个号码分别登记在您的两条记录中：{ids[0]} 和 {ids[1]}",
        ),
        Text(
            f"if they are one patent, fold one into the other: POST /v1/patents/{ids[0]}/merger with"
            f" patent_id {ids[1]}; if not, correct the number that is wrong",
            f"如确为同一专利，请合并两条记录：POST /v1/patents/{ids[0]}/merger，patent_id 填 {ids[1]}；"
            "否则请更正有误的号码",
        ),
        pointer="/publication_number",
    )


class Kept(NamedTuple):
    """A record, beside another that is to be folded into it or into which it is to be folded."""

    id: str
    named: Named
    filed_on: date | None
    granted_on: date | None
    holders: Sequence[str]
    is_sample: bool
    keeping: Keeping
    standing: Standing


@rule("PN-MERGE", source=_REGISTER, since="2026-11-30")
def records_agree(into: Kept, other: Kept) -> Refusal | None:
    """Two records are of one patent only where no number, type or day contradicts the other.

    A grant's publication has the number of the application's with another kind letter.
    """
    facts = {
        Text("application numbers", "申请号"): (into.named.application_number, other.named.application_number),
        Text("publication numbers", "公开（公告）号"): (_serial(into.named), _serial(other.named)),
        Text("types", "专利类型"): (into.named.patent_type, other.named.patent_type),
        Text("filing dates", "申请日"): (into.filed_on, other.filed_on),
        Text("grant dates", "授权公告日"): (into.granted_on, other.granted_on),
        Text("origins (one is of the sample)", "来源（其一为示例数据）"): (str(into.is_sample), str(other.is_sample)),
    }
    wrong = [name for name, (one, two) in facts.items() if one and two and one != two]
    if not wrong:
        return None
    return Refusal(
        "PN-MERGE",
        Text(
            f"the records contradict each other in their {', '.join(name.en for name in wrong)}",
            f"两条记录的{'、'.join(name.zh for name in wrong)}互相矛盾",
        ),
        Text(
            "correct the record that is wrong first, or leave them apart", "请先更正有误的记录；若非同一专利则无需合并"
        ),
        pointer="/patent_id",
    )


def _serial(named: Named) -> str | None:
    return re.sub(r"[A-Z]\d?$", "", named.publication_number) if named.publication_number else None


@rule("PN-DEALS", source=_REGISTER, since="2026-11-30")
def no_deal_is_cut_off(into: Kept, other: Kept, today: date) -> Refusal | None:
    """What is licensed is licensed under its record's id: that record is the one to stay."""
    licensed = [
        bool(kept.standing.open_license or kept.standing.active(EncumbranceKind.LICENSE, today))
        for kept in (into, other)
    ]
    if not licensed[1]:
        return None
    return Refusal(
        "PN-DEALS",
        Text(f"licenses stand on {other.id}, the record to be folded in", f"被并入的记录 {other.id} 上存在有效许可"),
        Text("licenses stand on both: end those on one of them first", "两条记录上均有有效许可，请先终止其一")
        if licensed[0]
        else Text(
            f"fold the other way round: POST /v1/patents/{other.id}/merger with patent_id {into.id}",
            f"请反向合并：POST /v1/patents/{other.id}/merger，patent_id 填 {into.id}",
        ),
        pointer="/patent_id",
    )


@rule("PN-KEEPER", source=_REGISTER, since="2026-11-30")
def nobody_loses_it(into: Kept, other: Kept) -> Refusal | None:
    """Where two organizations keep a record each, the one whose record goes is a holder by the one that stays."""
    gone = other.keeping
    by_code = bool(gone.uscc) and any(holder.get("uscc") == gone.uscc for holder in into.keeping.holders)
    if gone.organization_id in {into.keeping.organization_id, *into.keeping.holds} or by_code:
        return None
    return Refusal(
        "PN-KEEPER",
        Text(
            f"the organization that keeps {other.id} is no holder by {into.id}, and would see the patent no more",
            f"{other.id} 的登记单位不是 {into.id} 所载的专利权人，合并后将无法查看该专利",
        ),
        Text(
            "name it among the holders of the record that stays, with its credit code",
            "请先在保留的记录中将该单位（含统一社会信用代码）列为专利权人",
        ),
        pointer="/patent_id",
    )


@rule("PN-DIFFERS", source=_REGISTER, since="2026-11-30")
def records_differ(into: Kept, other: Kept) -> Refusal | None:
    """Titles change on the way to the grant and names are spelled in many ways: whoever merges looks at both."""

    def said(text: str) -> str:
        return fold(text).lower()

    titles_differ = said(into.named.title) != said(other.named.title)
    if not titles_differ and set(map(said, into.holders)) == set(map(said, other.holders)):
        return None
    what = Text("titles", "名称") if titles_differ else Text("holders", "专利权人")
    return Refusal(
        "PN-DIFFERS",
        Text(f"the {what.en} of the records differ", f"两条记录的{what.zh}不一致"),
        Text(
            f"those of {into.id} will stay; acknowledge PN-DIFFERS if that is right",
            f"合并后以 {into.id} 为准；如无误，请在 acknowledged_rules 中确认 PN-DIFFERS",
        ),
        severity="WARN",
        pointer="/patent_id",
    )


_NEVER_GRANTED = frozenset({LegalState.PENDING, LegalState.REFUSED, LegalState.WITHDRAWN})


def patent_number(application_number: str | None, *, shows_grant: bool, state: LegalState) -> str | None:
    """ZL and the application number, from the grant on; before it an application has no patent number.

    A grant is shown by the record (`rules.intake.granted`) or by a legal state that only a granted
    patent has. Source: ZC 0006-2003.
    """
    if application_number is None or state in _NEVER_GRANTED:
        return None
    return f"ZL{application_number}" if shows_grant or state is not LegalState.UNKNOWN else None
