"""Who may stand on which side of a deal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from shared.contracts.catalog import ConsentRole, Holder, Pledgee
from shared.contracts.oversight import BasisKind, PartyOrder
from shared.contracts.values import fold
from shared.errors import Text
from shared.rulebook import Refusal, rule


@dataclass(frozen=True, slots=True)
class Party:
    """An organization as it stands in a deal."""

    organization_id: str
    uscc: str | None
    is_sample: bool


def is_party(name: str, uscc: str | None, other_name: str, other_uscc: str | None) -> bool:
    """Whether two mentions mean one party: by credit code where both have one, else by name."""
    return uscc == other_uscc if uscc and other_uscc else fold(name) == fold(other_name)


@rule("SELF-DEALING", source=Text("Civil Code Art. 862", "民法典第八百六十二条"), since="2021-01-01")
def sides_differ(
    licensor: Party, holders: Iterable[Holder], licensee: Party, pointer: str = "/declaration_id"
) -> Refusal | None:
    """Whoever holds the patent cannot be its own licensee: a license is a contract with another."""
    codes = {licensor.uscc, *(holder.uscc for holder in holders)} - {None}
    ids = {licensor.organization_id, *(holder.organization_id for holder in holders)}
    if licensee.organization_id not in ids and licensee.uscc not in codes:
        return None
    return Refusal(
        "SELF-DEALING",
        Text("you are the patentee, or of the same credit code", "您与专利权人为同一主体（同一统一社会信用代码）"),
        Text("a holder exploits its patent without a license", "专利权人实施本专利无需取得许可"),
        pointer=pointer,
    )


@rule("SAMPLE-DEALS", source=Text("the platform's rules for its sample", "平台示例数据规则"), since="2026-11-22")
def sample_deals_stay_apart(is_sample: bool, party: Party) -> Refusal | None:
    """Sample patents are licensed between demo organizations only, real ones between real organizations only."""
    if is_sample == party.is_sample:
        return None
    return Refusal(
        "SAMPLE-DEALS",
        Text("sample and real parties do not deal with each other", "示例数据与真实主体之间不得交易"),
        Text("use a demo organization for the sample", "示例专利请使用演示机构操作"),
    )


_BASIS = {
    BasisKind.COURT_ORDER: Text("an order of a court", "法院的决定"),
    BasisKind.ADMINISTRATIVE_ORDER: Text("an order of an authority", "行政机关的决定"),
    BasisKind.PLATFORM_RULES: Text("the platform's rules", "平台规则"),
}


@rule(
    "PARTY-RESTRICTED",
    source=Text(
        "the platform's rules of participation, on the order of a court or authority or on their own",
        "平台参与规则（依法院、行政机关的决定或者平台规则限制交易）",
    ),
    since="2026-11-30",
)
def nobody_is_restricted(orders: Sequence[PartyOrder], acting: str) -> Refusal | None:
    """While an order stands against a party, neither it nor whoever deals with it begins anything new."""
    if not orders:
        return None
    order = next((one for one in orders if one.organization_id == acting), orders[0])
    if order.organization_id != acting:
        return Refusal(
            "PARTY-RESTRICTED",
            Text("another party of this deal may not enter into new deals now", "本交易的另一方目前被限制进行新的交易"),
            Text("deal with somebody else, or wait until it may again", "请选择其他交易方，或等待限制结束"),
        )
    why, until = _BASIS[order.kind], order.until
    return Refusal(
        "PARTY-RESTRICTED",
        Text(
            f"by {why.en} you may not enter into new deals {f'until {until}' if until else 'until it is lifted'}",
            f"依据{why.zh}，贵方{f'在{until}前（含当日）' if until else '在解除限制前'}不得进行新的交易",
        ),
        Text(
            f"read the order at /v1/party-restrictions/{order.id}, appeal at /v1/party-restrictions/{order.id}/appeals",
            f"请在 /v1/party-restrictions/{order.id} 查看理由，可在 /v1/party-restrictions/{order.id}/appeals 申诉",
        ),
    )


def held(order: PartyOrder, is_own: bool) -> Text:
    """Why a notice is held, and that it goes on all the same: nobody approves what the law gives (Patent Law Art. 51)."""
    goes_on = Text(
        "the notice stands: paid in time it gives the license, and a license that it gave goes on",
        "通知不受影响：按期付款即依法取得许可，已取得的许可继续有效",
    )
    if not is_own:
        return Text(
            f"a party of this request may not enter into new deals now; {goes_on.en}",
            f"该请求的一方目前被限制进行新的交易；{goes_on.zh}",
        )
    why, since = _BASIS[order.kind], order.from_
    return Text(
        f"restricted by {why.en} from {since} on, {f'until {order.until}' if order.until else 'until it is lifted'} "
        f"(/v1/party-restrictions/{order.id}); {goes_on.en}",
        f"依据{why.zh}，自{since}起{f'至{order.until}' if order.until else '至解除之日'}限制新的交易"
        f"（/v1/party-restrictions/{order.id}）；{goes_on.zh}",
    )


@rule(
    "OL-CONSENT-PARTY",
    source=Text("Patent Law Art. 14; rule 86", "专利法第十四条；实施细则第八十六条"),
    since="2024-01-20",
)
def has_a_say(
    role: ConsentRole, name: str, uscc: str | None, holders: Iterable[Holder], pledgees: Iterable[Pledgee]
) -> Refusal | None:
    """Co-owners consent to a declaration, and creditors to whom the patent is pledged; nobody else."""
    known = [(one.name, one.uscc) for one in (holders if role is ConsentRole.CO_OWNER else pledgees)]
    if any(is_party(*one, name, uscc) for one in known):
        return None
    named = ", ".join(one for one, _ in known) or "-"
    return Refusal(
        "OL-CONSENT-PARTY",
        Text(
            f"{name} has no say in this patent; on record are: {named}",
            f"{name} 不是该专利的相应当事人；登记在册的有：{named}",
        ),
        Text("name the party as the patent's record does", "请按专利登记的名称填写"),
        pointer="/party",
    )


@rule("OL-CONSENT-EVIDENCE", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def consent_is_proved(is_own_word: bool, has_document: bool, is_operator: bool) -> Refusal | None:
    """A party's own consent needs no proof; one that somebody else reports needs a document."""
    if is_own_word or has_document or is_operator:
        return None
    return Refusal(
        "OL-CONSENT-EVIDENCE",
        Text("the consent of another party needs a document", "代他人提交同意须附证明文件"),
        Text(
            "upload it at /v1/documents and name it in document_ids", "请先在 /v1/documents 上传，再填入 document_ids"
        ),
        pointer="/document_ids",
    )


@rule("OL-CONSENT-STATE", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def consent_stands(revoked_on: date | None) -> Refusal | None:
    """A consent is taken back once."""
    if revoked_on is None:
        return None
    return Refusal(
        "OL-CONSENT-STATE",
        Text(f"this consent was taken back on {revoked_on}", f"该同意已于{revoked_on}撤回"),
        Text("nothing is left to take back", "无需再次撤回"),
    )


def owners_not_agreed(others: Iterable[Holder], given: Iterable[tuple[str, str | None]]) -> list[str]:
    """The names of the other owners who have not consented; `given` are (name, credit code)."""
    agreed = list(given)
    return [one.name for one in others if not any(is_party(one.name, one.uscc, *other) for other in agreed)]
