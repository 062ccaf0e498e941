"""Which codes a record may carry: classes that fit the type of patent, regions that exist and are still in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from shared.contracts.values import TYPE_NAME, PatentType, is_locarno
from shared.errors import Text
from shared.rulebook import Refusal, rule


@rule(
    "IPC-TYPE",
    source=Text(
        "Strasbourg Agreement (IPC); Locarno Agreement (designs)", "《国际专利分类斯特拉斯堡协定》；《洛迦诺协定》"
    ),
    since="1996-09-19",
)
def classes_fit_type(classes: Sequence[str], patent_type: PatentType) -> Refusal | None:
    """Inventions and utility models are classified by IPC, designs by Locarno; the other is worth a second look."""
    is_design = patent_type is PatentType.DESIGN
    wrong = next((number for number, code in enumerate(classes) if is_locarno(code) is not is_design), None)
    if wrong is None:
        return None
    name = TYPE_NAME[patent_type]
    found, wanted = ("IPC", "Locarno") if is_design else ("Locarno", "IPC")
    return Refusal(
        "IPC-TYPE",
        Text(
            f"this is a class of {found}; the type of patent is {name.en}, which {wanted} classifies",
            f"这是{'IPC' if is_design else '洛迦诺'}分类号，而{name.zh}应使用{'洛迦诺' if is_design else 'IPC'}分类",
        ),
        Text(
            f"give the {wanted} class from the gazette, or correct patent_type",
            f"请填写公报上的{'洛迦诺' if is_design else 'IPC'}分类号，或更正 patent_type",
        ),
        pointer=f"/ipc/{wrong}",
        severity="WARN",
    )


@dataclass(frozen=True, slots=True)
class Region:
    """What is known of a region code."""

    code: str
    name: str
    valid_until: date | None = None
    successor: tuple[str, str] | None = None  # code and name of the region that took its place, where it is known


_GB_2260 = Text("GB/T 2260 (administrative divisions)", "GB/T 2260《中华人民共和国行政区划代码》")


@rule("REGION-UNKNOWN", "REGION-OLD", source=_GB_2260, since="2007-11-14")
def region_in_use(region: Region | None, today: date) -> Refusal | None:
    """A region code stands in the table of GB/T 2260; one that was abolished is taken with a warning."""
    if region is None:
        return Refusal(
            "REGION-UNKNOWN",
            Text("there is no region of this code", "没有该代码的行政区划"),
            Text(
                "look it up at /v1/reference/regions; development zones have the code of their city",
                "请在 /v1/reference/regions 查询；开发区请使用所在市的代码",
            ),
        )
    if region.valid_until is None or today <= region.valid_until:
        return None
    cure = Text(
        "look up the present code at /v1/reference/regions, or acknowledge this rule to keep the old one",
        "请在 /v1/reference/regions 查询现行代码，或确认本规则以保留旧代码",
    )
    if region.successor:
        code, name = region.successor
        cure = Text(f"the present code is probably {code} {name}", f"现行代码可能为 {code} {name}")
    return Refusal(
        "REGION-OLD",
        Text(
            f"region {region.code} {region.name} has not existed since {region.valid_until.year}",
            f"行政区划 {region.code} {region.name} 已于 {region.valid_until.year} 年撤销",
        ),
        cure,
        severity="WARN",
    )
