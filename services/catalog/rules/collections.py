"""What a collection may say of itself, and who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.contracts.collections import Sharing
from shared.errors import Text
from shared.rulebook import Refusal, rule

_HOUSE = Text("the platform's rules of collections", "平台专题库规则")
_SINCE = "2026-11-22"
FOLLOWED_MOST = 100  # by one organization: each is looked at whenever listings are announced


@rule("COL-QUERY", source=_HOUSE, since=_SINCE)
def query_says_something(query: dict[str, Any] | None) -> Refusal | None:
    """A query names at least one criterion: without any it would hold every listing of the platform."""
    if query is None or any(value not in (None, "") for value in query.values()):
        return None
    return Refusal(
        "COL-QUERY",
        Text("the query names no criterion", "查询未指定任何条件"),
        Text(
            "name at least one, as ipc or region_code; leave the query out if you choose by hand",
            "请至少指定一个条件，如 ipc 或 region_code；如手工挑选请省略 query",
        ),
        pointer="/query",
    )


@rule("COL-AUDIENCE", source=_HOUSE, since=_SINCE)
def audience_fits(visibility: Sharing, organization_ids: Sequence[str]) -> Refusal | None:
    """A collection for organizations names them; a private or public one names none."""
    if (visibility is Sharing.ORGANIZATIONS) is bool(organization_ids):
        return None
    if organization_ids:
        return Refusal(
            "COL-AUDIENCE",
            Text(f"a {visibility} collection names no organizations", f"{visibility} 专题库不应指定单位"),
            Text(
                "set visibility to ORGANIZATIONS, or empty organization_ids",
                "请将 visibility 设为 ORGANIZATIONS，或清空 organization_ids",
            ),
            pointer="/organization_ids",
        )
    return Refusal(
        "COL-AUDIENCE",
        Text("it is not said which organizations may see this collection", "未指定哪些单位可以查看该专题库"),
        Text(
            "name them in organization_ids, or set visibility to PRIVATE or PUBLIC",
            "请在 organization_ids 中列出，或将 visibility 设为 PRIVATE 或 PUBLIC",
        ),
        pointer="/organization_ids",
    )


@rule("COL-ENTRY", source=_HOUSE, since=_SINCE)
def choice_is_clear(included: Sequence[str], excluded: Sequence[str]) -> Refusal | None:
    """Nothing is both included and excluded."""
    both = sorted(set(included) & set(excluded))
    if not both:
        return None
    return Refusal(
        "COL-ENTRY",
        Text(f"{both[0]} is both included and excluded", f"{both[0]} 同时被列入和排除"),
        Text("take it out of one of the two lists", "请从其中一个列表中删除"),
        pointer="/exclude",
    )


@rule("COL-FOLLOW", source=_HOUSE, since=_SINCE)
def may_follow_one_more(followed: int) -> Refusal | None:
    """An organization follows at most a hundred collections."""
    if followed < FOLLOWED_MOST:
        return None
    return Refusal(
        "COL-FOLLOW",
        Text(f"you follow {FOLLOWED_MOST} collections already", f"您已关注 {FOLLOWED_MOST} 个专题库"),
        Text("end one that you need no longer", "请先取消不再需要的关注"),
    )


def may_see(visibility: Sharing, owner: str, named: Sequence[str], organization_id: str | None) -> bool:
    """Whether an organization may see a collection; None is somebody without a token."""
    if visibility is Sharing.PUBLIC or organization_id == owner:
        return True
    return visibility is Sharing.ORGANIZATIONS and organization_id in named
