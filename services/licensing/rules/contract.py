"""The contract: signed by both sides, in force from the last signature, ended by its days, by agreement or for breach."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from services.licensing.rules.dunning import DemandState
from services.licensing.rules.names import zh
from shared.contracts.access import OrganizationType
from shared.contracts.gateway import PartyOut, Verification
from shared.contracts.licensing import LicenseState, Side
from shared.errors import Text
from shared.rulebook import Refusal, rule

_S = LicenseState
SIGN_WITHIN_DAYS = 30  # how long an agreed contract keeps its scope while it waits for signatures: policy
PUBLICITY_DAYS = 15
UNITS = frozenset({OrganizationType.UNIVERSITY, OrganizationType.RESEARCH_INSTITUTE})


@dataclass(frozen=True, slots=True)
class Contract:
    """A license as the rules see it; all days are legal days, the last ones included."""

    begins_on: date
    until: date
    effective_on: date | None
    sign_by: date | None = None
    terminated_on: date | None = None
    patent_ended_on: date | None = None
    is_given_up: bool = False


def state_on(contract: Contract, today: date) -> LicenseState:
    """How far a license has come on a day, whoever is awake then."""
    if contract.effective_on is None:
        lapsed = contract.is_given_up or (contract.sign_by is not None and today > contract.sign_by)
        return _S.NOT_CONCLUDED if lapsed else _S.PENDING_SIGNATURES
    if contract.terminated_on is not None and today >= contract.terminated_on:
        return _S.TERMINATED
    if today > contract.until or (contract.patent_ended_on is not None and today >= contract.patent_ended_on):
        return _S.EXPIRED
    return _S.SIGNED if today < contract.begins_on else _S.IN_FORCE


@rule("SIGN-STATE", source=Text("Civil Code Art. 490, 491", "民法典第四百九十条、第四百九十一条"), since="2021-01-01")
def may_sign(state: LicenseState, signed: Collection[Side], side: Side) -> Refusal | None:
    """A contract is concluded when both sides have signed it, each once, within its period."""
    if state is _S.PENDING_SIGNATURES and side not in signed:
        return None
    done = side in signed
    return Refusal(
        "SIGN-STATE",
        Text(
            "you have signed already" if done else f"the license is {state.value}",
            "您已签署" if done else f"该许可状态为{zh(state)}",
        ),
        Text("nothing is left to be signed by you; read the license again", "无需再次签署，请重新读取该许可"),
    )


@rule(
    "SIGN-DOCUMENT",
    source=Text(
        "Civil Code Art. 488, 490; Electronic Signature Law Art. 13",
        "民法典第四百八十八条、第四百九十条；电子签名法第十三条",
    ),
    since="2021-01-01",
)
def signs_what_was_agreed(given: str, document_sha256: str) -> Refusal | None:
    """What is signed is the document of the agreed terms, to the byte."""
    if given == document_sha256:
        return None
    return Refusal(
        "SIGN-DOCUMENT",
        Text("this is the hash of another document than the agreed contract", "该哈希与双方约定的合同文本不符"),
        Text(
            "read it at …/document?format=pdf and sign its SHA-256",
            "请下载 …/document?format=pdf，核对后以其 SHA-256 签署",
        ),
        pointer="/document_sha256",
    )


@rule(
    "SIGN-EVIDENCE",
    source=Text("Civil Code Art. 490; Electronic Signature Law Art. 13", "民法典第四百九十条；电子签名法第十三条"),
    since="2021-01-01",
)
def signature_is_proved(method: str, has_document: bool) -> Refusal | None:
    """A signature on paper or by a provider is shown by its document; one made here is this act itself."""
    if method == "PLATFORM" or has_document:
        return None
    return Refusal(
        "SIGN-EVIDENCE",
        Text("the signed document is missing", "缺少已签署的文件"),
        Text(
            "upload it at /v1/documents and name it in document_ids", "请先在 /v1/documents 上传，再填入 document_ids"
        ),
        pointer="/document_ids",
    )


@rule("SIGN-DAY", source=Text("Civil Code Art. 490", "民法典第四百九十条"), since="2021-01-01")
def signature_is_dated(on: date, agreed_on: date, today: date) -> Refusal | None:
    """A contract is signed after it was agreed, and not in the future."""
    if agreed_on <= on <= today:
        return None
    return Refusal(
        "SIGN-DAY",
        Text(f"{on} is not between {agreed_on} and today", f"{on} 不在约定之日 {agreed_on} 至今天之间"),
        Text("give the day on which it was signed", "请填写实际签署之日"),
        pointer="/signed_on",
    )


@rule(
    "PARTY-UNVERIFIED",
    source=Text(
        "Civil Code Art. 470, 143; the platform's rules on its parties",
        "民法典第一百四十三条、第四百七十条；平台主体规则",
    ),
    since="2026-11-22",
)
def parties_are_verified(parties: Sequence[PartyOut]) -> Refusal | None:
    """Both sides are known for who they are when a contract is signed."""
    open_ = [one.name for one in parties if one.verification is not Verification.VERIFIED]
    if not open_:
        return None
    return Refusal(
        "PARTY-UNVERIFIED",
        Text(f"not verified: {', '.join(open_)}", f"尚未通过核验：{'、'.join(open_)}"),
        Text("the operator verifies organizations; ask it", "请联系平台运营方完成核验"),
    )


def must_publish(party: PartyOut, pricing_way: str) -> bool:
    """Whether a licensor has to make an agreed price public before it signs."""
    return pricing_way == "AGREEMENT" and party.state_owned and party.type in UNITS


@rule(
    "PRICE-PUBLICITY",
    source=Text(
        "Law on Promoting the Transformation of Achievements Art. 18; State Council 2016 No. 16 (15 days)",
        "促进科技成果转化法第十八条；国发〔2016〕16号一（二）（公示不少于15日）",
    ),
    since="2015-10-01",
)
def price_was_public(is_needed: bool, runs: Sequence[tuple[date, date]], today: date) -> Refusal | None:
    """A state university or institute makes result and agreed price public for 15 days before it signs; (first, last day)."""
    if not is_needed or any(last < today for _, last in runs):
        return None
    running = max((last for _, last in runs), default=None)
    return Refusal(
        "PRICE-PUBLICITY",
        Text(
            f"the price is public until {running}; sign after that day"
            if running
            else "the agreed price was not made public yet",
            f"价格公示至{running}，期满后方可签署" if running else "协议价格尚未公示",
        ),
        Text(
            "make result and price public inside the unit for 15 days: /v1/price-publicities",
            "请在本单位公示成果名称和拟交易价格不少于15日，并在 /v1/price-publicities 记录",
        ),
    )


@rule(
    "PUBLICITY-DAYS",
    source=Text("State Council 2016 No. 16", "国发〔2016〕16号一（二）"),
    since="2016-02-26",
)
def publicity_is_long_enough(begun_on: date, ends_on: date, agreed_on: date) -> Refusal | None:
    """A price is public for at least 15 days, counted from the day after it was put up, and after it was agreed."""
    if begun_on >= agreed_on and ends_on >= begun_on + timedelta(days=PUBLICITY_DAYS):
        return None
    least = max(begun_on, agreed_on) + timedelta(days=PUBLICITY_DAYS)
    return Refusal(
        "PUBLICITY-DAYS",
        Text(f"a publicity from {begun_on} to {ends_on} is too short", f"{begun_on}至{ends_on}的公示期不足"),
        Text(
            f"let it begin after the agreement of {agreed_on} and last until {least} or longer",
            f"应在{agreed_on}约定之后开始，至{least}或更晚结束",
        ),
        pointer="/ends_on",
    )


@rule(
    "LIC-END",
    source=Text("Civil Code Art. 562, 563, 565", "民法典第五百六十二条、第五百六十三条、第五百六十五条"),
    since="2021-01-01",
)
def may_end(state: LicenseState) -> Refusal | None:
    """A license is ended early while it runs, once."""
    if state in (_S.SIGNED, _S.IN_FORCE):
        return None
    if state is _S.PENDING_SIGNATURES:
        message = Text("the contract is not signed by both sides yet", "合同尚未由双方签署")
        cure = Text("give it up by closing its inquiry", "可通过关闭询盘放弃")
    else:
        message = Text(f"the license is {state.value}", f"该许可{zh(state)}，不能再终止")
        cure = Text("nothing is left to be ended", "无需再终止")
    return Refusal("LIC-END", message, cure)


@rule(
    "LIC-BREACH",
    source=Text("Civil Code Art. 563, 565", "民法典第五百六十三条第一款第三项、第五百六十五条"),
    since="2021-01-01",
)
def breach_was_warned_of(
    ground: Literal["AGREEMENT", "BREACH"], has_document: bool, demand: DemandState | None
) -> Refusal | None:
    """Whoever ends a contract for breach has demanded performance within a reasonable time, and shows that it ran out."""
    if ground == "AGREEMENT" or demand is DemandState.UNMET or (demand is None and has_document):
        return None
    message = {
        DemandState.RUNNING: Text("the last period that the demand set is still running", "催告所定的履行期限尚未届满"),
        DemandState.MET: Text("what was demanded has been paid, or is reported", "催告的款项已支付，或已报告付款"),
        None: Text("the demand that set a last period is missing", "缺少催告对方在合理期限内履行的文件"),
    }
    return Refusal(
        "LIC-BREACH",
        message[demand],
        Text(
            "demand it at …/demands and name that in demand_id once its period is over, or name an uploaded demand in"
            " document_ids",
            "请先在 …/demands 催告，期满后填入 demand_id；或将催告文件上传后填入 document_ids",
        ),
        pointer="/demand_id" if demand else "/document_ids",
    )
