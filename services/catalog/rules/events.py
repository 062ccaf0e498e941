"""What may be recorded of a patent: by whom, when, with which particulars."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import date

from services.catalog.rules.status import CLOSES, Standing
from shared.contracts.catalog import (
    EncumbranceKind,
    EventCode,
    EventDetail,
    EventSource,
    LegalEventDraft,
)
from shared.contracts.values import TYPE_NAME, PatentType
from shared.errors import Text
from shared.rulebook import Refusal, rule

_RULES_106 = Text("Implementing Regulations rules 106, 107", "专利法实施细则第一百零六条、第一百零七条")
_C = EventCode

NEEDED: dict[EventCode, frozenset[str]] = {
    _C.PLEDGE: frozenset({"party"}),
    _C.LICENSE_RECORDED: frozenset({"license_type"}),
    _C.OPEN_LICENSE: frozenset({"reference"}),
    _C.TERM_COMPENSATION: frozenset({"days"}),
    _C.EVALUATION_REPORT: frozenset({"conclusion"}),
    _C.CO_OWNERS_AGREEMENT: frozenset({"acts"}),
    _C.CONSENT: frozenset({"role", "party", "acts"}),
    _C.CONSENT_REVOCATION: frozenset({"ends"}),
}
_ANY = frozenset({"announced_on", "reference", "note"})
_FEES = frozenset({"fees_paid_until"})
_PARTY = frozenset({"party", "party_uscc"})
_HANDS = frozenset({"holders"})
TAKEN: dict[EventCode, frozenset[str]] = {
    _C.REGISTER_CHECKED: frozenset({"state"}) | _FEES,
    _C.ANNUAL_FEE_PAID: _FEES,
    _C.GRANT: _FEES,
    _C.RESTORATION: _FEES,
    _C.TRANSFER: _PARTY | _HANDS,
    _C.HOLDER_CHANGE: _PARTY | _HANDS,
    _C.EQUITY_CONTRIBUTION: _PARTY | _HANDS,
    _C.PLEDGE: _PARTY,
    _C.SUSPENSION: _PARTY | {"until"},
    _C.PRESERVATION: _PARTY | {"until"},
    _C.LICENSE_RECORDED: _PARTY | {"until", "territory", "field_of_use"},
    _C.COMPULSORY_LICENSE: _PARTY | {"until"},
    _C.CONSENT: frozenset({"party_uscc"}),
    **dict.fromkeys(CLOSES, frozenset({"ends"})),
}


@rule("EV-DETAIL", source=_RULES_106, since="2024-01-20")
def particulars_fit(code: EventCode, detail: EventDetail | None) -> Refusal | None:
    """An event carries the particulars that its kind needs, and none that belong to another kind."""
    given = frozenset(detail.model_dump(exclude_none=True)) if detail else frozenset[str]()
    needed = NEEDED.get(code, frozenset())
    missing, foreign = needed - given, given - needed - TAKEN.get(code, frozenset()) - _ANY
    if not missing and not foreign:
        return None
    wrong = sorted(missing) or sorted(foreign)
    takes = ", ".join(sorted(needed | TAKEN.get(code, frozenset()) | _ANY))
    return Refusal(
        "EV-DETAIL",
        Text(f"{code} needs {', '.join(wrong)}", f"{code} 缺少 {'、'.join(wrong)}")
        if missing
        else Text(f"{code} takes no {', '.join(wrong)}", f"{code} 不应包含 {'、'.join(wrong)}"),
        Text(f"in `detail` it takes {takes}", f"detail 中可填写：{takes}"),
        pointer=f"/detail/{wrong[0]}",
    )


@rule("EV-EVIDENCE", source=_RULES_106, since="2024-01-20")
def word_needs_evidence(source: EventSource, has_document: bool, is_operator: bool) -> Refusal | None:
    """A holder's word on an event needs a document; only the operator may speak for the register."""
    if is_operator or (source is EventSource.HOLDER and has_document):
        return None
    if source is EventSource.HOLDER:
        return Refusal(
            "EV-EVIDENCE",
            Text("an event recorded by the holder needs a document", "由专利权人申报的法律事件须附证明文件"),
            Text(
                "upload it at /v1/documents and name its id in document_ids",
                "请先在 /v1/documents 上传，再填入 document_ids",
            ),
            pointer="/document_ids",
        )
    return Refusal(
        "EV-EVIDENCE",
        Text("only the operator records what the register says", "只有平台运营者可以按登记簿记录"),
        Text("record it with source HOLDER and a document", "请以 HOLDER 为来源并附证明文件"),
        pointer="/source",
    )


@rule("EV-DOCUMENT", source=Text("Electronic Signature Law Art. 3-8", "电子签名法第三条至第八条"), since="2019-04-23")
def documents_are_there(named: Sequence[str], missing: Sequence[str]) -> Refusal | None:
    """An act rests on documents that were kept before, unchanged, by whoever performs it."""
    if not missing:
        return None
    return Refusal(
        "EV-DOCUMENT",
        Text(f"there is no document {missing[0]} of yours", f"没有您上传的文件 {missing[0]}"),
        Text("upload it at /v1/documents first", "请先在 /v1/documents 上传"),
        pointer=f"/document_ids/{list(named).index(missing[0])}",
    )


@rule("EV-HOLDER", source=_RULES_106, since="2024-01-20")
def holders_are_here(named: Sequence[str | None], known: Set[str]) -> Refusal | None:
    """New holders that are named by an id are organizations of this platform: one of them may come to keep the record."""
    for at, id_ in enumerate(named):
        if id_ is not None and id_ not in known:
            return Refusal(
                "EV-HOLDER",
                Text(f"there is no organization {id_}", f"平台上没有单位 {id_}"),
                Text("name the holder by its credit code instead", "请改用统一社会信用代码写明该专利权人"),
                pointer=f"/detail/holders/{at}/organization_id",
            )
    return None


@rule("EV-DATE", source=_RULES_106, since="2024-01-20")
def event_is_past(occurred_on: date, today: date) -> Refusal | None:
    """An event lies in the past or today."""
    if occurred_on <= today:
        return None
    return Refusal(
        "EV-DATE",
        Text(f"{occurred_on} has not come yet", f"{occurred_on} 尚未到来"),
        Text("record the event when it has occurred", "请在事件发生后再记录"),
        pointer="/occurred_on",
    )


@rule("EV-ENDS", source=_RULES_106, since="2024-01-20")
def something_ends(draft: LegalEventDraft, standing: Standing) -> Refusal | None:
    """A release, an end of a suspension or license, a revocation names something that stands."""
    detail, kind = draft.detail or EventDetail(), CLOSES.get(draft.code)
    if draft.code is EventCode.CONSENT_REVOCATION:
        stands = any(one.id == detail.ends and one.revoked_on is None for one in standing.consents)
    elif kind is not None and detail.ends:
        stands = any(
            one.id == detail.ends and one.kind is kind and one.released_on is None for one in standing.encumbrances
        )
    else:
        return None
    if stands:
        return None
    return Refusal(
        "EV-ENDS",
        Text(f"nothing stands that {draft.code} could end", f"没有 {draft.code} 可以终结的有效记录"),
        Text(
            "name what ends by its id, as the lists of encumbrances and consents give it",
            "请按权利负担或同意列表中的 id 指明所终结的记录",
        ),
        pointer="/detail/ends",
    )


@rule(
    "EV-REPORT",
    source=Text(
        "Patent Law Art. 66; Implementing Regulations rules 62, 63",
        "专利法第六十六条；专利法实施细则第六十二条、第六十三条",
    ),
    since="2024-01-20",
)
def report_is_the_first(patent_type: PatentType, standing: Standing, is_operator: bool) -> Refusal | None:
    """One evaluation report is made of a utility model or design, none of an invention; the operator records a corrected one."""
    if patent_type is PatentType.INVENTION:
        return Refusal(
            "EV-REPORT",
            Text("an invention has no evaluation report", "发明专利没有专利权评价报告"),
            Text("reports are made of utility models and designs only", "评价报告仅针对实用新型和外观设计专利"),
        )
    if standing.report is None or is_operator:
        return None
    return Refusal(
        "EV-REPORT",
        Text(
            f"the evaluation report of this {TYPE_NAME[patent_type].en} is recorded already",
            f"该{TYPE_NAME[patent_type].zh}的评价报告已有记录",
        ),
        Text(
            "only one is made; ask the operator to record a correction",
            "同一专利权仅作出一份；如有更正请联系平台运营者",
        ),
    )


@rule("EV-TERM", source=Text("Patent Law Art. 42", "专利法第四十二条第二款、第三款"), since="2021-06-01")
def compensation_is_for_inventions(code: EventCode, patent_type: PatentType) -> Refusal | None:
    """Only an invention's term is compensated."""
    if code is not EventCode.TERM_COMPENSATION or patent_type is PatentType.INVENTION:
        return None
    return Refusal(
        "EV-TERM",
        Text(
            f"the term of a {TYPE_NAME[patent_type].en} is not compensated",
            f"{TYPE_NAME[patent_type].zh}没有专利权期限补偿",
        ),
        pointer="/code",
    )


@rule("EV-BEFORE-FILING", source=_RULES_106, since="2024-01-20")
def happened_after_filing(draft: LegalEventDraft, filed_on: date | None) -> Refusal | None:
    """Nothing of this record happened to a patent before it was filed."""
    if filed_on is None or draft.occurred_on >= filed_on:
        return None
    return Refusal(
        "EV-BEFORE-FILING",
        Text(f"{draft.occurred_on} lies before the filing on {filed_on}", f"{draft.occurred_on}早于申请日{filed_on}"),
        Text("correct the day of the event, or the filing date", "请更正事件日期或申请日"),
        pointer="/occurred_on",
    )


@rule("EV-CO-OWNER", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def owner_is_there(is_named: bool, owners: Sequence[str]) -> Refusal | None:
    """A co-owner's consent is that of a party that the record names as a holder."""
    if is_named:
        return None
    return Refusal(
        "EV-CO-OWNER",
        Text("this party is not a holder of the patent", "该当事人不是此专利的专利权人"),
        Text(f"holders recorded: {', '.join(owners)}", f"已记录的专利权人：{'、'.join(owners)}"),
        pointer="/party",
    )


@rule("EV-PLEDGEE", source=Text("Civil Code Art. 444", "民法典第四百四十四条"), since="2021-01-01")
def pledge_is_there(standing: Standing, party_stands: bool, today: date) -> Refusal | None:
    """A pledgee's consent is that of a creditor whose pledge stands."""
    if party_stands:
        return None
    pledges = standing.active(EncumbranceKind.PLEDGE, today)
    known = ", ".join(str(one.party) for one in pledges)
    return Refusal(
        "EV-PLEDGEE",
        Text("this party holds no pledge on the patent", "该当事人不是此专利的质权人"),
        Text(f"pledgees recorded: {known}", f"已记录的质权人：{known}")
        if known
        else Text(
            "record the pledge at /v1/patents/{id}/encumbrances first", "请先在 /v1/patents/{id}/encumbrances 记录质押"
        ),
        pointer="/party",
    )
