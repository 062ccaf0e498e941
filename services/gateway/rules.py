"""Gateway's decisions: who may hold which scope, size classes, delegations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from shared.contracts.access import SCOPES, OrganizationType
from shared.contracts.gateway import DelegationState, SmeClass
from shared.errors import Text
from shared.rulebook import Refusal, rule

_OURS = Text("the platform's rules of participation", "平台参与规则")
_SINCE = "2026-11-22"

_OPERATOR_ONLY = frozenset({"announcements:write", "payments:confirm", "platform:operate"})
_SUPERVISOR = frozenset({"oversight:read", "oversight:write", "audit:read"})


def grantable(kind: OrganizationType) -> frozenset[str]:
    """The scopes that clients of an organization may hold."""
    if kind is OrganizationType.PLATFORM_OPERATOR:
        return frozenset(SCOPES)
    if kind is OrganizationType.GOVERNMENT:
        return frozenset(SCOPES) - _OPERATOR_ONLY
    return frozenset(SCOPES) - _OPERATOR_ONLY - _SUPERVISOR


@rule("ORG-SCOPE", source=_OURS, since=_SINCE)
def may_hold(scopes: frozenset[str], allowed: frozenset[str]) -> Refusal | None:
    """A client holds no scope that its organization, or the client that makes it, does not have."""
    if not (beyond := sorted(scopes - allowed)):
        return None
    return Refusal(
        "ORG-SCOPE",
        Text(f"these scopes cannot be given: {', '.join(beyond)}", f"不能授予以下权限范围：{'、'.join(beyond)}"),
        Text(f"choose from {', '.join(sorted(allowed)) or 'none'}", f"可选：{'、'.join(sorted(allowed)) or '无'}"),
        pointer="/scopes",
    )


@rule(
    "ORG-USCC",
    source=Text("GB 32100-2015; Patent Law Art. 6", "GB 32100-2015；专利法第六条"),
    since="2015-10-01",
)
def is_identified(kind: OrganizationType, uscc: str | None) -> Refusal | None:
    """Every organization but an individual is known by its unified social credit code."""
    if uscc is not None or kind is OrganizationType.INDIVIDUAL:
        return None
    return Refusal(
        "ORG-USCC",
        Text("an organization needs its unified social credit code", "单位须填写统一社会信用代码"),
        Text(
            "it stands on the business licence or the certificate of the public institution",
            "见营业执照或事业单位法人证书",
        ),
        pointer="/uscc",
    )


@rule("ORG-OPERATOR", source=_OURS, since=_SINCE)
def may_register(kind: OrganizationType, by_operator: bool) -> Refusal | None:
    """Operators and government bodies are brought in by the operator only."""
    if by_operator or kind not in (OrganizationType.PLATFORM_OPERATOR, OrganizationType.GOVERNMENT):
        return None
    return Refusal(
        "ORG-OPERATOR",
        Text(f"an organization of type {kind} is registered by the operator", f"{kind} 类型的组织由平台运营者登记"),
        pointer="/type",
    )


@dataclass(frozen=True, slots=True)
class _Grade:
    """Below staff or below revenue is an SME at all; medium and small need both minima. Yuan, persons."""

    staff: int | None
    revenue: int | None
    medium: tuple[int, int]
    small: tuple[int, int]


_M = 1_000_000
_INDUSTRY = _Grade(1000, 400 * _M, (300, 20 * _M), (20, 3 * _M))
_STAFF_ONLY = _Grade(300, None, (100, 0), (10, 0))
_GRADES: dict[str, _Grade] = {
    "A": _Grade(None, 200 * _M, (0, 5 * _M), (0, _M // 2)),
    "B": _INDUSTRY,
    "C": _INDUSTRY,
    "D": _INDUSTRY,
    "E": _Grade(None, 800 * _M, (0, 60 * _M), (0, 3 * _M)),
    "F51": _Grade(200, 400 * _M, (20, 50 * _M), (5, 10 * _M)),
    "F52": _Grade(300, 200 * _M, (50, 5 * _M), (10, _M)),
    "G": _Grade(1000, 300 * _M, (300, 30 * _M), (20, 2 * _M)),
    "I63": _Grade(2000, 1000 * _M, (100, 10 * _M), (10, _M)),
    "I64": _Grade(2000, 1000 * _M, (100, 10 * _M), (10, _M)),
    "I65": _Grade(300, 100 * _M, (100, 10 * _M), (10, _M // 2)),
}


@rule(
    "ORG-SME", source=Text("工信部联企业〔2011〕300号 (SME classes)", "工信部联企业〔2011〕300号"), since="2011-06-18"
)
def sme_class(
    kind: OrganizationType, industry_code: str | None, staff: int | None, revenue: Decimal | None
) -> SmeClass | None:
    """An enterprise's size class by industry, staff and revenue; None for large, or when figures are missing.

    Units: staff in persons, revenue in yuan a year. Construction is judged without its total assets.
    """
    if kind not in (OrganizationType.ENTERPRISE, OrganizationType.COOPERATIVE) or not industry_code:
        return None
    grade = _GRADES.get(industry_code[:3]) or _GRADES.get(industry_code[:1]) or _STAFF_ONLY
    if (grade.staff is not None and staff is None) or (grade.revenue is not None and revenue is None):
        return None
    persons, yuan = staff or 0, revenue or Decimal(0)
    is_sme = (grade.staff is not None and persons < grade.staff) or (grade.revenue is not None and yuan < grade.revenue)
    if not is_sme:
        return None
    for size, (least_staff, least_revenue) in ((SmeClass.MEDIUM, grade.medium), (SmeClass.SMALL, grade.small)):
        enough_staff = grade.staff is None or persons >= least_staff
        enough_revenue = grade.revenue is None or yuan >= least_revenue
        if enough_staff and enough_revenue:
            return size
    return SmeClass.MICRO


def delegation_state(
    accepted_at: datetime | None, revoked_at: datetime | None, first: date, last: date | None, today: date
) -> DelegationState:
    """Derived from acts and days: revoked, else past its last day, else accepted and begun, else proposed."""
    if revoked_at is not None:
        return DelegationState.REVOKED
    if last is not None and today > last:
        return DelegationState.EXPIRED
    if accepted_at is None or today < first:
        return DelegationState.PROPOSED
    return DelegationState.ACTIVE


@rule("DG-ACCEPT", source=Text("Civil Code Art. 165", "民法典第一百六十五条"), since="2021-01-01")
def may_accept(state: DelegationState, by_principal: bool, by_operator: bool, has_mandate: bool) -> Refusal | None:
    """A mandate is given by the principal, or found by the operator in a document that the principal signed."""
    if state is not DelegationState.PROPOSED:
        return Refusal(
            "DG-ACCEPT",
            Text(f"a delegation in state {state} is not accepted any more", f"{state} 状态的委托不能再接受"),
        )
    if by_principal or (by_operator and has_mandate):
        return None
    return Refusal(
        "DG-ACCEPT",
        Text("the operator accepts a delegation only on a mandate document", "平台运营者须凭授权委托书确认委托"),
        Text("upload the signed mandate and name it in document_ids", "请上传已签署的授权委托书并填入 document_ids"),
        pointer="/document_ids",
    )


@rule("DG-SELF", source=Text("Civil Code Art. 161", "民法典第一百六十一条"), since="2021-01-01")
def is_between_two(principal_id: str, delegate_id: str) -> Refusal | None:
    """Nobody delegates to itself."""
    if principal_id != delegate_id:
        return None
    return Refusal(
        "DG-SELF", Text("principal and delegate are the same", "委托人与受托人相同"), pointer="/principal_id"
    )


@rule("DG-DATES", source=Text("Civil Code Art. 165", "民法典第一百六十五条"), since="2021-01-01")
def days_in_order(first: date, last: date | None) -> Refusal | None:
    """A delegation does not end before it begins."""
    if last is None or last >= first:
        return None
    return Refusal(
        "DG-DATES",
        Text(f"it would end on {last}, before it begins on {first}", f"委托在{first}开始，却在{last}结束"),
        pointer="/to",
    )
