"""Which number names which patent: one record for each, whichever of its numbers came first."""

from __future__ import annotations

from typing import NamedTuple

from shared.contracts.catalog import LegalState
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
            "take the publication number out of the one that has no application number, then send this again",
            "请先从没有申请号的记录中更正公开（公告）号，再重新提交",
        ),
        pointer="/publication_number",
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
