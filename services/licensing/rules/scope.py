"""The scope of a license: where, for what, how long; and when two of them cannot stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from shared.contracts.catalog import LicenseType, WantedScope
from shared.contracts.licensing import LicenseScope
from shared.contracts.values import divisions_of
from shared.errors import Text
from shared.rulebook import Refusal, rule

_REGION_DIGITS, _CLASS_DIGITS = 6, 4
EVERYWHERE, EVERYTHING = (0, 10**_REGION_DIGITS), (0, 10**_CLASS_DIGITS)

TYPE_NAME = {
    LicenseType.ORDINARY: Text("ordinary", "普通"),
    LicenseType.SOLE: Text("sole", "排他"),
    LicenseType.EXCLUSIVE: Text("exclusive", "独占"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One territory and one field, each the numbers from the first until before the second; days inclusive."""

    regions: tuple[int, int]
    classes: tuple[int, int]
    first_day: date
    last_day: date


def regions_of(code: str | None) -> tuple[int, int]:
    """The county codes of a region of GB/T 2260, as a range: its parts lie inside. None: all of China."""
    if code is None:
        return EVERYWHERE
    first = int(code.ljust(_REGION_DIGITS, "0"))
    return first, first + 10 ** (_REGION_DIGITS - len(code))


def classes_of(code: str | None) -> tuple[int, int]:
    """The classes of an industry of GB/T 4754, as a range: its parts lie inside. None: every field."""
    if code is None:
        return EVERYTHING
    digits = code[1:]
    if not digits:
        divisions = divisions_of(code)
        return divisions.start * 100, divisions.stop * 100
    first = int(digits.ljust(_CLASS_DIGITS, "0"))
    return first, first + 10 ** (_CLASS_DIGITS - len(digits))


def cells_of(scope: LicenseScope) -> list[Cell]:
    """A scope cut into cells, one for each territory and field; no two of them overlap, whatever was named twice."""
    places = _widest([regions_of(code) for code in scope.territory or ()]) or [EVERYWHERE]
    fields = _widest([classes_of(code) for code in scope.field_of_use or ()]) or [EVERYTHING]
    return [Cell(place, field, scope.from_, scope.to) for place, field in product(places, fields)]


def _widest(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of codes without those that lie inside another: codes are nested or apart."""
    known = sorted(set(ranges), key=lambda one: (one[0], -one[1]))
    found: list[tuple[int, int]] = []
    for one in known:
        if not found or one[0] >= found[-1][1]:
            found.append(one)
    return found


def wanted(scope: LicenseScope) -> WantedScope:
    """A scope as catalog is asked about it."""
    return WantedScope(territory=list(scope.territory or []), begins_on=scope.from_, until=scope.to)


def overlap(one: Cell, other: Cell) -> bool:
    """Whether two cells share a place, a field and a day."""
    return (
        one.regions[0] < other.regions[1]
        and other.regions[0] < one.regions[1]
        and one.classes[0] < other.classes[1]
        and other.classes[0] < one.classes[1]
        and one.first_day <= other.last_day
        and other.first_day <= one.last_day
    )


@dataclass(frozen=True, slots=True)
class Rival:
    """A license, or a contract that waits for its signatures, whose scope meets the one that is wanted."""

    license_type: LicenseType
    is_signed: bool
    until: date


@rule(
    "SCOPE-CONFLICT",
    source=Text("Interpretation on technology contracts Art. 25", "技术合同司法解释（2020）第二十五条"),
    since="2021-01-01",
)
def scope_is_free(type_: LicenseType, rivals: Sequence[Rival]) -> Refusal | None:
    """No two licenses share a place, a field and a day if one of them is sole or exclusive (I-2, I-3)."""
    if type_ is LicenseType.ORDINARY:
        rivals = [one for one in rivals if one.license_type is not LicenseType.ORDINARY]
    if not rivals:
        return None
    ends, signed = max(one.until for one in rivals), any(one.is_signed for one in rivals)
    kinds = sorted({one.license_type for one in rivals}, key=list(LicenseType).index)
    en, zh = ", ".join(TYPE_NAME[kind].en for kind in kinds), "、".join(TYPE_NAME[kind].zh for kind in kinds)
    what = (
        Text(f"a license ({en})", f"{zh}许可")
        if signed
        else Text(f"a contract awaiting its signatures ({en})", f"待签署的{zh}许可合同")
    )
    return Refusal(
        "SCOPE-CONFLICT",
        Text(
            f"{what.en} already covers some of this territory, field and time, until {ends}",
            f"已有{what.zh}覆盖该地域、领域和期限的一部分，至{ends}",
        ),
        Text(
            "take a territory, field or time that it leaves free, or wait for its end",
            "请选择其未覆盖的地域、领域或期限，或待其终止",
        ),
        pointer="/scope",
    )


@rule(
    "OL-LIVE",
    source=Text("Patent Law Art. 51", "专利法第五十一条第三款"),
    since="2021-06-01",
)
def no_declaration_is_live(type_: LicenseType, declaration: str | None) -> Refusal | None:
    """From the filing of an open-license declaration until its end nothing sole or exclusive is granted (I-1)."""
    if type_ is LicenseType.ORDINARY or declaration is None:
        return None
    return Refusal(
        "OL-LIVE",
        Text(
            f"open-license declaration {declaration} of this patent is filed or announced",
            f"该专利已提交或公告开放许可声明 {declaration}",
        ),
        Text(
            "grant an ordinary license, or have the withdrawal of the declaration announced first",
            "请改为普通许可，或先撤回开放许可声明并待公告",
        ),
        pointer="/license_type",
    )


@rule(
    "OL-PENDING",
    source=Text("Patent Law Art. 50, 51", "专利法第五十条第二款、第五十一条第一款"),
    since="2021-06-01",
)
def no_notice_is_pending(type_: LicenseType, until: date | None) -> Refusal | None:
    """A notice given before the withdrawal may still become a license: until then nothing sole or exclusive is granted."""
    if type_ is LicenseType.ORDINARY or until is None:
        return None
    return Refusal(
        "OL-PENDING",
        Text(
            f"a notice under the withdrawn open license may still be paid until {until}, or its payment is being cleared",
            f"撤回前已送达的开放许可通知仍可在{until}前付款生效，或其付款正在核实",
        ),
        Text("wait until it is paid or has lapsed", "请待其付款生效或失效后再签订"),
        pointer="/license_type",
    )


@rule("TERM-BEYOND-EXPIRY", source=Text("Civil Code Art. 865", "民法典第八百六十五条"), since="2021-01-01")
def term_fits_the_patents(scope: LicenseScope, expiry: date | None) -> Refusal | None:
    """A license is valid only while its patents are: it ends with the first of them at the latest (I-6)."""
    if expiry is None or scope.to <= expiry:
        return None
    return Refusal(
        "TERM-BEYOND-EXPIRY",
        Text(f"the patent ends on {expiry}, before {scope.to}", f"专利权于{expiry}届满，早于{scope.to}"),
        Text(f"let the license end on {expiry} or earlier", f"许可期限应不晚于{expiry}"),
        pointer="/scope/to",
    )


@rule(
    "SCOPE-BEGIN",
    source=Text("Civil Code Art. 502; the platform's rules", "民法典第五百零二条；平台规则"),
    since="2026-11-30",
)
def begins_from_now_on(scope: LicenseScope, today: date) -> Refusal | None:
    """What is offered begins today at the earliest; signed later, the license is in force from then on."""
    if scope.from_ >= today:
        return None
    return Refusal(
        "SCOPE-BEGIN",
        Text(f"{scope.from_} is past", f"许可开始之日 {scope.from_} 已过"),
        Text(
            "give today or a later day; what was used before is settled beside the license",
            "请填写今天或以后的日期；此前的实施行为请另行结算",
        ),
        pointer="/scope/from",
    )


@rule(
    "SCOPE-DAYS",
    source=Text("Interpretation on technology contracts Art. 28", "技术合同司法解释（2020）第二十八条"),
    since="2021-01-01",
)
def days_are_ahead(scope: LicenseScope, today: date) -> Refusal | None:
    """A license is granted for a time to come: it ends after it begins, and not before today."""
    if scope.from_ <= scope.to and scope.to >= today:
        return None
    return Refusal(
        "SCOPE-DAYS",
        Text(f"from {scope.from_} to {scope.to} is no time to come", f"{scope.from_}至{scope.to}不是有效的许可期限"),
        Text("give the first and the last day of the license", "请填写许可的起止日期，终止日应不早于起始日和今天"),
        pointer="/scope/to",
    )
