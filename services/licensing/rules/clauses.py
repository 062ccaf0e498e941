"""Clauses that monopolize technology unlawfully: a contract with one of them is void, so a draft is read for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_10 = "Civil Code Art. 850; Interpretation on technology contracts Art. 10"
_ART_10_ZH = "民法典第八百五十条；技术合同司法解释（2020）第十条"
_STRIKE = Text(
    "strike the clause, or acknowledge the rule if it does not mean that",
    "请删除该条款；如并无此意，可确认该规则后继续",
)
# What such clauses say, in the words that contracts use; [^。；;.] keeps a pattern within its sentence.
_NOT = r"(?:不得|不可|禁止|不允许|不能|无权)"
_PATTERNS = {
    "CLAUSE-IMPROVEMENT": (
        rf"{_NOT}[^。；]{{0,20}}(?:改进|后续研发|研究开发|改良)",
        r"(?:改进|改良|后续)[^。；]{0,30}(?:无偿|免费|归许可方|归甲方|独占归)",
        r"(?:shall|may|must) not [^.;]{0,40}(?:improve|develop further|research)",
        r"improvements?[^.;]{0,60}(?:free of charge|assigned? (?:back )?to the licensor|belong to the licensor)",
    ),
    "CLAUSE-COMPETING": (
        rf"{_NOT}[^。；]{{0,20}}(?:其他来源|第三方|他人|竞争)[^。；]{{0,20}}技术",
        rf"{_NOT}[^。；]{{0,20}}(?:类似|同类|竞争|竞争性)[^。；]{{0,6}}技术",
        r"(?:shall|may|must) not [^.;]{0,60}(?:competing|similar|third[- ]party) technolog",
    ),
    "CLAUSE-MARKET": (
        r"(?:产量|数量|品种|售价|价格|销售价)[^。；]{0,16}(?:不得|不高于|不低于|不超过|由许可方|由甲方)",
        rf"{_NOT}[^。；]{{0,20}}(?:出口|销售渠道|经销|销往)",
        r"(?:price|quantit\w+|volume|output|export)s?[^.;]{0,60}(?:fixed by the licensor|shall not exceed|not (?:be )?(?:less|lower|more|higher) than)",
        r"(?:shall|may|must) not [^.;]{0,40}export",
    ),
    "CLAUSE-TYING": (
        r"(?:必须|应当|须)[^。；]{0,10}(?:同时|一并|搭配)[^。；]{0,20}(?:购买|采购|接受|聘用)",
        r"(?:must|shall) (?:also )?(?:buy|purchase|employ|accept)[^.;]{0,60}(?:other|additional|further)",
    ),
    "CLAUSE-SOURCING": (
        r"(?:只能|仅能|必须|应当|须|限于)[^。；]{0,12}(?:向|从)[^。；]{0,20}(?:购买|采购|购进)",
        rf"{_NOT}[^。；]{{0,12}}(?:向|从)[^。；]{{0,12}}(?:其他|其它|第三方)[^。；]{{0,12}}(?:购买|采购|购进)",
        r"(?:only|exclusively) (?:buy|purchase|procure|source)[^.;]{0,60}from",
        r"(?:buy|purchase|procure|source)[^.;]{0,60}(?:only|exclusively) from",
    ),
    "CLAUSE-NO-CHALLENGE": (
        rf"{_NOT}[^。；]{{0,16}}(?:质疑|异议|无效宣告|宣告[^。；]{{0,12}}无效|请求无效|有效性)",
        r"(?:放弃)[^。；]{0,16}(?:异议|无效宣告|质疑)",
        r"(?:shall|may|must) not [^.;]{0,40}(?:challenge|contest|dispute|invalidat)",
    ),
}
_FOUND = {id_: re.compile("|".join(f"(?:{one})" for one in many), re.IGNORECASE) for id_, many in _PATTERNS.items()}


def _said(id_: str, clauses: Sequence[str]) -> tuple[int, str] | None:
    """The first clause that reads so: its place, and the words."""
    for at, clause in enumerate(clauses):
        if found := _FOUND[id_].search(clause):
            return at, found[0]
    return None


@rule("CLAUSE-IMPROVEMENT", source=Text(f"{_ART_10}(1)", f"{_ART_10_ZH}第一项"), since="2021-01-01")
def improvements_are_free(clauses: Sequence[str]) -> Refusal | None:
    """No ban on improving the technology, and no one-sided or unpaid grant-back of improvements."""
    if (said := _said("CLAUSE-IMPROVEMENT", clauses)) is None:
        return None
    message = Text(
        f"this reads as a ban or unequal grant-back of improvements: {said[1]}",
        f"疑似限制改进技术或要求不对等回授：{said[1]}",
    )
    return Refusal("CLAUSE-IMPROVEMENT", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


@rule("CLAUSE-COMPETING", source=Text(f"{_ART_10}(2)", f"{_ART_10_ZH}第二项"), since="2021-01-01")
def other_technology_is_free(clauses: Sequence[str]) -> Refusal | None:
    """No ban on obtaining similar or competing technology from others."""
    if (said := _said("CLAUSE-COMPETING", clauses)) is None:
        return None
    message = Text(
        f"this reads as a ban on competing technology: {said[1]}", f"疑似限制从其他来源获得竞争技术：{said[1]}"
    )
    return Refusal("CLAUSE-COMPETING", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


@rule("CLAUSE-MARKET", source=Text(f"{_ART_10}(3)", f"{_ART_10_ZH}第三项"), since="2021-01-01")
def market_is_free(clauses: Sequence[str]) -> Refusal | None:
    """No plainly unreasonable limits on quantity, variety, price, sales channels or export."""
    if (said := _said("CLAUSE-MARKET", clauses)) is None:
        return None
    message = Text(
        f"this reads as a limit on quantity, price, channel or export: {said[1]}",
        f"疑似限制数量、品种、价格、渠道或出口：{said[1]}",
    )
    return Refusal("CLAUSE-MARKET", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


@rule("CLAUSE-TYING", source=Text(f"{_ART_10}(4)", f"{_ART_10_ZH}第四项"), since="2021-01-01")
def nothing_is_tied(clauses: Sequence[str]) -> Refusal | None:
    """Nothing has to be bought or taken along that the technology does not need."""
    if (said := _said("CLAUSE-TYING", clauses)) is None:
        return None
    message = Text(f"this reads as tying: {said[1]}", f"疑似搭售非必需的技术、产品、服务或人员：{said[1]}")
    return Refusal("CLAUSE-TYING", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


@rule("CLAUSE-SOURCING", source=Text(f"{_ART_10}(5)", f"{_ART_10_ZH}第五项"), since="2021-01-01")
def sources_are_free(clauses: Sequence[str]) -> Refusal | None:
    """No unreasonable limit on where materials, parts and equipment are bought."""
    if (said := _said("CLAUSE-SOURCING", clauses)) is None:
        return None
    message = Text(
        f"this reads as a limit on sources of supply: {said[1]}", f"疑似限制原材料、零部件或设备的采购渠道：{said[1]}"
    )
    return Refusal("CLAUSE-SOURCING", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


@rule("CLAUSE-NO-CHALLENGE", source=Text(f"{_ART_10}(6)", f"{_ART_10_ZH}第六项"), since="2021-01-01")
def validity_may_be_challenged(clauses: Sequence[str]) -> Refusal | None:
    """The validity of the patent may be challenged, without conditions."""
    if (said := _said("CLAUSE-NO-CHALLENGE", clauses)) is None:
        return None
    message = Text(
        f"this reads as a ban on challenging the patent: {said[1]}", f"疑似禁止对专利有效性提出异议：{said[1]}"
    )
    return Refusal("CLAUSE-NO-CHALLENGE", message, _STRIKE, pointer=f"/clauses/{said[0]}", severity="WARN")


_ALL = (
    improvements_are_free,
    other_technology_is_free,
    market_is_free,
    nothing_is_tied,
    sources_are_free,
    validity_may_be_challenged,
)


def against(clauses: Sequence[str]) -> list[Refusal]:
    """What a draft's clauses may be void for: warnings, because only people read contracts."""
    return [no for decide in _ALL if (no := decide(clauses))]
