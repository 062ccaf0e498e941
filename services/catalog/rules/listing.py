"""How a listing's acts follow each other, and what the system does to a listing when its patents change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from services.catalog.rules.eligibility import Target
from shared.contracts.catalog import EncumbranceKind, LegalState, LicenseType, ListingState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_S = ListingState
TRANSITIONS: dict[str, tuple[frozenset[ListingState], ListingState]] = {
    "submission": (frozenset({_S.DRAFT, _S.RETURNED}), _S.SUBMITTED),
    "return": (frozenset({_S.SUBMITTED}), _S.RETURNED),
    "publication": (frozenset({_S.SUBMITTED}), _S.PUBLISHED),
    "suspension": (frozenset({_S.PUBLISHED}), _S.SUSPENDED),
    "resumption": (frozenset({_S.SUSPENDED}), _S.PUBLISHED),
    "withdrawal": (frozenset({_S.DRAFT, _S.SUBMITTED, _S.RETURNED, _S.PUBLISHED, _S.SUSPENDED}), _S.WITHDRAWN),
    "closing": (frozenset({_S.PUBLISHED, _S.SUSPENDED}), _S.CLOSED),
}


@rule("LS-STATE", source=Text("the platform's listing rules", "平台挂牌规则"), since="2026-11-22")
def next_state(state: ListingState, act: str) -> ListingState | Refusal:
    """An act is done in the states that its transition starts from, and in no other."""
    before, after = TRANSITIONS[act]
    if state in before:
        return after
    possible = sorted(act_ for act_, (from_, _) in TRANSITIONS.items() if state in from_ and act_ != "closing")
    words = ", ".join(possible) or "none"
    return Refusal(
        "LS-STATE",
        Text(f"a listing in state {state} takes no {act}", f"{state} 状态的挂牌不能进行 {act}"),
        Text(f"acts possible now: {words}", f"目前可进行：{words}"),
    )


@rule("LS-EDIT", source=Text("the platform's listing rules", "平台挂牌规则"), since="2026-11-22")
def may_edit(state: ListingState) -> Refusal | None:
    """A closed or withdrawn listing is a record and is not changed any more."""
    if state not in (ListingState.CLOSED, ListingState.WITHDRAWN):
        return None
    return Refusal(
        "LS-EDIT",
        Text(f"a listing in state {state} is not changed any more", f"{state} 状态的挂牌不能再修改"),
        Text("make a new listing", "请新建挂牌"),
    )


@rule("SAMPLE-ONLY", source=Text("the platform's rules for its sample", "平台示例数据规则"), since="2026-11-22")
def sample_stays_apart(samples: Sequence[bool]) -> Refusal | None:
    """Sample patents are never offered together with real ones."""
    if len(set(samples)) <= 1:
        return None
    return Refusal(
        "SAMPLE-ONLY",
        Text("a listing holds sample patents or real ones, not both", "挂牌不能同时包含示例专利和真实专利"),
        pointer="/patent_ids",
    )


@rule("CONSENT-STATE", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def consent_stands(state: str) -> Refusal | None:
    """Only a consent that stands is revoked; one to earlier terms has fallen with them."""
    if state == "VALID":
        return None
    return Refusal(
        "CONSENT-STATE",
        Text(f"this consent does not stand any more ({state})", f"该同意已不再有效（{state}）"),
        Text("nothing is left to revoke", "无需撤销"),
    )


@rule("TERMS-CHANGED", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def consent_is_to_these_terms(given_to: int, terms_version: int) -> Refusal | None:
    """A consent is given to terms that were read: those that stand now."""
    if given_to == terms_version:
        return None
    return Refusal(
        "TERMS-CHANGED",
        Text(
            f"the listing's terms are at version {terms_version} now, not {given_to}",
            f"挂牌条款现为第 {terms_version} 版，而非第 {given_to} 版",
        ),
        Text("read the terms again and consent to that version", "请重新阅读条款并对现行版本作出同意"),
        pointer="/terms_version",
    )


@rule(
    "SECRECY-CLEARANCE",
    source=Text(
        "MOF and CNIPA notice of 2020-04-30, III(1)2.3: state-owned enterprises share patents without giving away secrets",
        "财政部、国家知识产权局2020年4月30日通知三（一）2三：国有企业在不泄露国家秘密和商业秘密的前提下共享专利",
    ),
    since="2020-04-30",
)
def is_cleared(is_soe: bool, cleared: int | None, text_version: int) -> Refusal | None:
    """A state-owned enterprise's listing is published after a secrecy review of the text as it stands."""
    if not is_soe or cleared == text_version:
        return None
    return Refusal(
        "SECRECY-CLEARANCE",
        Text("the secrecy review of this listing's text is not recorded", "尚未记录对该挂牌文本的保密审查")
        if cleared is None
        else Text("the text was changed after its secrecy review", "保密审查之后挂牌文本已修改"),
        Text(
            "record the review at /v1/listings/{id}/secrecy-clearances",
            "请在 /v1/listings/{id}/secrecy-clearances 记录保密审查",
        ),
    )


@rule(
    "PARTY-RESTRICTED",
    source=Text(
        "the platform's rules of participation, on the order of a court or authority or on their own",
        "平台参与规则（依法院、行政机关的决定或者平台规则限制交易）",
    ),
    since="2026-11-30",
)
def supplier_may_deal(is_restricted: bool) -> Refusal | None:
    """While an order stands against a supplier, nothing of its is on offer."""
    if not is_restricted:
        return None
    return Refusal(
        "PARTY-RESTRICTED",
        Text("an order keeps this supplier from new deals", "该供给方目前被限制进行新的交易"),
        Text(
            "read the order, and appeal against it, at /v1/party-restrictions",
            "请在 /v1/party-restrictions 查看限制的理由，并可申诉",
        ),
    )


LEGAL_STATUS, CONSENT_REVOKED, LICENSED, SECRECY = "LEGAL_STATUS", "CONSENT_REVOKED", "LICENSED", "SECRECY_REVIEW"
RESTRICTED = "PARTY_RESTRICTED"
BY_SYSTEM = frozenset({LEGAL_STATUS, CONSENT_REVOKED, LICENSED, SECRECY, RESTRICTED})  # they end by themselves
WAITS = {
    "CO-CONSENT": CONSENT_REVOKED, "PLEDGE-CONSENT": CONSENT_REVOKED, "LS-AUTHORITY": CONSENT_REVOKED,
    "SECRECY-CLEARANCE": SECRECY, "PARTY-RESTRICTED": RESTRICTED,
}  # fmt: skip


OF_MODES = frozenset({"SCOPE-CONFLICT", "OL-IN-FORCE"})


@rule(
    "LS-MODES",
    source=Text(
        "Patent Law Art. 51; Interpretation on technology contracts Art. 25",
        "专利法第五十一条第三款；技术合同司法解释（2020）第二十五条",
    ),
    since="2021-06-01",
)
def stays_for_some(by_mode: Sequence[Sequence[Refusal]], targets: Iterable[Target], today: date) -> bool:
    """Ordinary and open licenses end the sole and exclusive modes of a listing alone; it stays on offer in the others.

    `by_mode` are the reasons against each mode that is offered. A sole or exclusive license leaves nothing.
    """
    known = (one for target in targets for one in target.standing.active(EncumbranceKind.LICENSE, today))
    are_shared = all(one.license_type is LicenseType.ORDINARY for one in known)
    return are_shared and all({no.rule for no in found} <= OF_MODES for found in by_mode) and not all(by_mode)


@rule(
    "LS-FATE",
    source=Text("Civil Code Art. 865; Patent Law Art. 14, 44", "民法典第八百六十五条；专利法第十四条、第四十四条"),
    since="2021-06-01",
)
def fate(found: Sequence[Refusal], targets: Iterable[Target], today: date) -> tuple[ListingState, str | None] | None:
    """A published listing ends with the term or with an exclusive license to all, and rests while another no stands.

    `found` are the reasons against the offer today. Answers the state with its reason, None to leave it on offer.
    """
    if not found:
        return None
    for target in targets:
        if target.status.state is LegalState.EXPIRED or any(no.rule == "LS-TERM" for no in found):
            return ListingState.CLOSED, "EXPIRED"
        for license_ in target.standing.active(EncumbranceKind.LICENSE, today):
            if license_.license_type is LicenseType.EXCLUSIVE and not (license_.territory or license_.field_of_use):
                return ListingState.CLOSED, "EXCLUSIVELY_LICENSED"
    rules = {no.rule for no in found}
    if rules <= WAITS.keys():
        return ListingState.SUSPENDED, WAITS[found[0].rule]
    return ListingState.SUSPENDED, LICENSED if "SCOPE-CONFLICT" in rules else LEGAL_STATUS
