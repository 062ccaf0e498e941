"""How an inventory item is carried on: rated, reviewed, decided (盘点, B.13.8 of the national stock-patent inventory)."""

from __future__ import annotations

from shared.contracts.catalog import ItemState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_SOURCE = Text(
    "National stock-patent inventory: self-rating of 1-5 stars, review, pool for conversion",
    "高校和科研机构存量专利盘活工作方案：专利价值五星自评、审核、专利转化资源库",
)
_S = ItemState
TRANSITIONS: dict[str, frozenset[ItemState]] = {
    "self-rating": frozenset({_S.IMPORTED, _S.SELF_RATED}),
    "review": frozenset({_S.SELF_RATED, _S.REVIEWED}),
    "decision": frozenset({_S.REVIEWED, _S.IN_POOL, _S.KEPT, _S.TO_ABANDON}),
}


@rule("INV-STATE", source=_SOURCE, since="2024-01-31")
def may_act(state: ItemState, act: str, *, is_closed: bool) -> Refusal | None:
    """An item is rated, then reviewed, then decided; each step may be corrected until the next, none after the closing."""
    if not is_closed and state in TRANSITIONS[act]:
        return None
    if is_closed:
        return Refusal(
            "INV-STATE",
            Text("this inventory is closed", "该盘点已结束"),
            Text("begin a new one", "请新建盘点"),
        )
    possible = ", ".join(act_ for act_, from_ in TRANSITIONS.items() if state in from_)
    return Refusal(
        "INV-STATE",
        Text(f"an item in state {state} takes no {act}", f"{state} 状态的盘点项不能进行 {act}"),
        Text(f"acts possible now: {possible}", f"目前可进行：{possible}"),
    )


@rule("INV-STARS", source=_SOURCE, since="2024-01-31")
def review_is_explained(self_stars: int | None, stars: int, note: str | None) -> Refusal | None:
    """A review that differs from the self-rating says why."""
    if stars == self_stars or note:
        return None
    return Refusal(
        "INV-STARS",
        Text(f"the review gives {stars} stars, the self-rating {self_stars}", f"审核为{stars}星，自评为{self_stars}星"),
        Text("say why in `note`", "请在 note 中说明理由"),
        pointer="/note",
    )
