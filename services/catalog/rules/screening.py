"""Which unimplemented patents are worth offering: criteria that exclude, components that score, every step with its reason.

Everything is counted in whole points of a thousand, so that a score is the same wherever and whenever it is added up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, pairwise

from services.catalog.rules.eligibility import ACT_NAME, Target, blocks, refusals
from services.catalog.rules.status import expires_on
from shared.contracts.catalog import (
    Holder,
    HolderKind,
    LegalState,
    ScreeningCriteria,
    Tier,
)
from shared.contracts.values import PatentType
from shared.errors import Text
from shared.rulebook import rule

SCORING = "screening-1"
A_FROM, B_FROM = 70, 50
_YEARS_FULL, _MAINTAINED_FULL, _NEEDS_FULL = 10, 8, 20  # what earns a component's full weight
_TYPE_PART = {PatentType.INVENTION: 1000, PatentType.UTILITY_MODEL: 600, PatentType.DESIGN: 400}
_LICENSABLE = frozenset({LegalState.IN_FORCE, LegalState.RESTORED, LegalState.PARTIALLY_INVALIDATED})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patent as a screening looks at it; `needs` and `stars` are None where nobody knows."""

    target: Target
    ipc: Sequence[str]
    holders: Sequence[Holder]
    region_code: str | None
    granted_on: date | None
    is_on_offer: bool
    stars: int | None
    needs: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """A component with its points (of a thousand), or an exclusion without any; the message is made when it is read."""

    code: str
    value: str | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a screening says of a patent; `score` in tenths of a point, None when excluded."""

    tier: Tier
    score: int | None
    reasons: list[Reason]


def holder_kind(holder: Holder) -> HolderKind:
    """What kind of body a holder is.

    By the credit code (91 enterprise; 12 public institution, where the name tells a university from an institute),
    else by the name. Source: GB 32100-2015.
    """
    name, code = holder.name, holder.uscc or ""
    if code.startswith("91") or (not code and re.search(r"公司|集团|厂$|合作社", name)):
        return HolderKind.ENTERPRISE
    if re.search(r"大学|University", name):
        return HolderKind.UNIVERSITY
    if re.search(r"研究院|研究所|研究中心|科学院|Institute", name):
        return HolderKind.INSTITUTE
    if re.search(r"学院|学校|College", name):
        return HolderKind.UNIVERSITY
    return HolderKind.OTHER


def exclusions(candidate: Candidate, criteria: ScreeningCriteria, today: date) -> Iterable[Reason]:
    """Every criterion that a patent fails."""
    target = candidate.target
    state = target.status.state
    if state not in _LICENSABLE and not (state is LegalState.UNKNOWN and criteria.include_unknown):
        yield Reason("NOT_IN_FORCE", state)
    elif not target.is_granted and state is LegalState.UNKNOWN:
        yield Reason("NOT_GRANTED")
    left = years_left(target, today)
    if left is not None and left < criteria.years_left_at_least:
        yield Reason("TERM_SHORT", str(max(left, 0)))
    if criteria.maintained_years_at_least > (kept := maintained(candidate.granted_on, today) or 0):
        yield Reason("MAINTAINED_SHORT", str(kept))
    if criteria.exploitation and target.standing.exploitation not in criteria.exploitation:
        yield Reason("USED", target.standing.exploitation)
    if criteria.ipc and not any(code.startswith(prefix) for code in candidate.ipc for prefix in criteria.ipc):
        yield Reason("OTHER_FIELD", candidate.ipc[0] if candidate.ipc else None)
    if criteria.patent_types and target.patent_type not in criteria.patent_types:
        yield Reason("OTHER_TYPE", target.patent_type)
    if criteria.holder_kinds and not {holder_kind(one) for one in candidate.holders} & set(criteria.holder_kinds):
        yield Reason("OTHER_HOLDER", holder_kind(candidate.holders[0]) if candidate.holders else None)
    if criteria.region_code and not (candidate.region_code or "").startswith(criteria.region_code):
        yield Reason("OTHER_REGION", candidate.region_code)
    if criteria.not_on_offer and candidate.is_on_offer:
        yield Reason("ON_OFFER")
    if criteria.stars_at_least and (candidate.stars or 0) < criteria.stars_at_least:
        yield Reason("FEW_STARS", None if candidate.stars is None else str(candidate.stars))
    if candidate.needs is not None and candidate.needs < criteria.needs_at_least:
        yield Reason("FEW_NEEDS", str(candidate.needs))
    for act in criteria.acts:
        for no in blocks(refusals(target, act, today)):
            if no.rule != "LS-STALE":
                yield Reason(f"ACT_{act}", no.rule)


def years_left(target: Target, today: date) -> int | None:
    """Full years until the term ends, None while the filing date is unknown."""
    last = expires_on(target.standing, target.patent_type, target.filed_on)
    return None if last is None else _full_years(today, last)


def maintained(granted_on: date | None, today: date) -> int | None:
    """Full years since the grant (维持年限), None while its day is unknown."""
    return None if granted_on is None else _full_years(granted_on, today)


def _full_years(begin: date, end: date) -> int:
    return end.year - begin.year - ((end.month, end.day) < (begin.month, begin.day))


@rule(
    "SCREEN-SCORE",
    source=Text(
        "MOF and CNIPA notice of 2020-04-30, III(1)2.3 (screening unimplemented patents by data); weights are the caller's",
        "财政部、国家知识产权局2020年4月30日通知三（一）2三（大数据筛选未实施专利）；权重由使用者设定",
    ),
    since="2020-04-30",
)
def judge(candidate: Candidate, criteria: ScreeningCriteria, today: date) -> Verdict:
    """A patent that fails no criterion gets 0 to 100 points: each known component's share of its weight.

    Years left fill up at 10, years maintained at 8, open needs answered at 20 (on a logarithmic scale), stars at 5;
    an invention, examined in substance, counts more than a utility model or design.
    """
    if found := list(exclusions(candidate, criteria, today)):
        return Verdict(Tier.EXCLUDED, None, found)
    weights, target = criteria.weights, candidate.target
    left, kept = years_left(target, today), maintained(candidate.granted_on, today)
    parts: list[tuple[str, int, str | None, int | None]] = [
        ("YEARS_LEFT", weights.years_left, _said(left), _part(left, _YEARS_FULL)),
        ("MAINTENANCE", weights.maintenance, _said(kept), _part(kept, _MAINTAINED_FULL)),
        ("DEMAND", weights.demand, _said(candidate.needs), _wanted(candidate.needs)),
        ("TYPE", weights.type, target.patent_type, _TYPE_PART[target.patent_type]),
        (
            "STARS",
            weights.stars,
            _said(candidate.stars),
            None if candidate.stars is None else (candidate.stars - 1) * 250,
        ),
    ]
    known = [(code, weight, value, part) for code, weight, value, part in parts if part is not None and weight]
    whole = sum(weight for _, weight, _, _ in known) or 1
    sums = list(accumulate((weight * part for _, weight, _, part in known), initial=0))
    points = [after // whole - before // whole for before, after in pairwise(sums)]  # so that they sum to the score
    reasons = [Reason(code, value, earned) for (code, _, value, _), earned in zip(known, points, strict=True)]
    score = sums[-1] // whole
    tier = Tier.A if score >= A_FROM * 10 else Tier.B if score >= B_FROM * 10 else Tier.C
    return Verdict(tier, score, reasons)


def _said(value: int | None) -> str | None:
    return None if value is None else str(value)


def _part(value: int | None, full: int) -> int | None:
    """The share of a component in thousandths."""
    return None if value is None else 1000 * max(0, min(value, full)) // full


def _wanted(needs: int | None) -> int | None:
    if needs is None:
        return None
    return min(1000, round(1000 * math.log1p(needs) / math.log1p(_NEEDS_FULL)))


_MESSAGES: dict[str, Text] = {
    "NOT_IN_FORCE": Text("legal status {value}", "法律状态为 {value}"),
    "NOT_GRANTED": Text("not granted, as far as its record says", "根据现有记录尚未授权"),
    "TERM_SHORT": Text("only {value} full years of its term are left", "剩余保护期仅 {value} 整年"),
    "MAINTAINED_SHORT": Text("maintained for {value} full years only", "维持年限仅 {value} 年"),
    "USED": Text("used already: {value}", "已实施：{value}"),
    "OTHER_FIELD": Text("in another field ({value})", "属于其他领域（{value}）"),
    "OTHER_TYPE": Text("of another type ({value})", "专利类型不符（{value}）"),
    "OTHER_HOLDER": Text("held by another kind of body ({value})", "权利人类型不符（{value}）"),
    "OTHER_REGION": Text("in another region ({value})", "地区不符（{value}）"),
    "ON_OFFER": Text("on offer already", "已有挂牌"),
    "FEW_STARS": Text("rated with too few stars ({value})", "自评星级不足（{value}）"),
    "FEW_NEEDS": Text("answers {value} open needs only", "仅匹配 {value} 项需求"),
    "YEARS_LEFT": Text("{value} full years of its term are left", "剩余保护期 {value} 整年"),
    "MAINTENANCE": Text("maintained for {value} full years", "已维持 {value} 年"),
    "DEMAND": Text("fits {value} open needs", "匹配 {value} 项在征需求"),
    "TYPE": Text("type {value}", "专利类型 {value}"),
    "STARS": Text("rated {value} stars", "星级 {value}"),
}


def message(code: str, value: str | None) -> Text:
    """What a stored reason says."""
    if code.startswith("ACT_"):
        name = next(name for act, name in ACT_NAME.items() if code == f"ACT_{act}")
        return Text(f"{name.en} is refused by {value}", f"{name.zh}不被允许：{value}")
    shown = value if value is not None else "–"
    text = _MESSAGES[code]
    return Text(text.en.format(value=shown), text.zh.format(value=shown))
