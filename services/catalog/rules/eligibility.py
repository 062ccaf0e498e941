"""What a patent may lawfully be used for: every act, allowed or not, with the article behind each no and its cure.

A rule looks at one `Target` and one act and answers a `Refusal` or nothing. `refusals` asks all of them. What
depends on the parties or the terms (restrictions, prices, the scope that is wanted) is decided where these are
known, by licensing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from services.catalog.rules.status import Standing
from services.catalog.rules.term import term_has_not_ended
from shared.contracts.catalog import (
    Act,
    ConsentRole,
    Encumbrance,
    EncumbranceKind,
    Freshness,
    Holder,
    LegalState,
    LegalStatus,
    LicenseMode,
    LicenseType,
    WantedScope,
)
from shared.contracts.values import TYPE_NAME, PatentType, fold
from shared.errors import Text
from shared.rulebook import Refusal, rule

ACT_NAME: dict[Act, Text] = {
    Act.LISTING: Text("a listing", "挂牌"),
    Act.ORDINARY_LICENSE: Text("an ordinary license", "普通许可"),
    Act.SOLE_LICENSE: Text("a sole license", "排他许可"),
    Act.EXCLUSIVE_LICENSE: Text("an exclusive license", "独占许可"),
    Act.OPEN_LICENSE: Text("an open-license declaration", "开放许可声明"),
    Act.ASSIGNMENT: Text("an assignment", "转让"),
    Act.PLEDGE: Text("a pledge", "质押"),
}
ACT_OF_MODE: dict[LicenseMode, Act] = {
    LicenseMode.ORDINARY: Act.ORDINARY_LICENSE,
    LicenseMode.QUICK: Act.ORDINARY_LICENSE,
    LicenseMode.SOLE: Act.SOLE_LICENSE,
    LicenseMode.EXCLUSIVE: Act.EXCLUSIVE_LICENSE,
    LicenseMode.ASSIGNMENT: Act.ASSIGNMENT,
}
_LICENSES = frozenset({Act.ORDINARY_LICENSE, Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE})
_GONE: dict[LegalState, Text] = {
    LegalState.LAPSED_UNPAID_FEE: Text("has lapsed because fees were not paid", "因未缴年费已终止"),
    LegalState.ABANDONED: Text("was abandoned", "已放弃"),
    LegalState.EXPIRED: Text("has expired", "已届满"),
    LegalState.INVALIDATED: Text("was declared invalid", "已被宣告无效"),
    LegalState.REFUSED: Text("was never granted: the application was refused", "申请已被驳回，未授权"),
    LegalState.WITHDRAWN: Text("was never granted: the application was withdrawn", "申请已撤回，未授权"),
}

_UNSAID = Standing()


@dataclass(frozen=True, slots=True)
class Target:
    """What the rules look at; `agreed` are the acts to which every other owner has consented.

    `is_keepers_own` is false where all holders are known by code or id and none is whoever keeps the record.
    """

    id: str
    patent_type: PatentType
    status: LegalStatus
    filed_on: date | None
    is_granted: bool
    standing: Standing = _UNSAID
    is_keepers_own: bool = True
    is_co_owned: bool = False
    has_shares: bool = False
    agreed: frozenset[Act] = frozenset()
    wanted: WantedScope | None = None  # of a license that is asked for


def agreed_acts(standing: Standing, others: Sequence[Holder]) -> frozenset[Act]:
    """The acts to which every one of the other owners has consented; a revoked consent is none.

    An owner is known by its credit code where both sides name one, else by its name.
    """
    given = [one for one in standing.consents if one.role is ConsentRole.CO_OWNER and one.revoked_on is None]
    found = frozenset(Act)
    for owner in others:
        own = [one for one in given if is_party(owner.name, owner.uscc, one.party, one.party_uscc)]
        found &= frozenset(act for one in own for act in one.acts)
    return found


def is_party(name: str, uscc: str | None, other_name: str | None, other_uscc: str | None) -> bool:
    """Whether two mentions mean one party: by credit code where both have one, else by name."""
    if uscc and other_uscc:
        return uscc == other_uscc
    return fold(name) == fold(other_name or "")


@rule("SECRECY-CLASSIFIED", source=Text("Patent Law Art. 4", "专利法第四条"), since="2021-06-01")
def is_not_classified(target: Target, act: Act, today: date) -> Refusal | None:
    """A classified patent is neither offered nor licensed in public."""
    if not target.standing.is_classified:
        return None
    return Refusal(
        "SECRECY-CLASSIFIED",
        Text(f"patent {target.id} is classified", f"专利 {target.id} 为国防专利或保密专利"),
        Text("it can be offered after its declassification is recorded", "解密并记录（DECLASSIFICATION）后方可进行"),
        pointer="/patent_ids",
    )


@rule(
    "LS-NOT-IN-FORCE",
    source=Text("Patent Law Art. 44, 47; Civil Code Art. 865", "专利法第四十四条、第四十七条；民法典第八百六十五条"),
    since="2021-06-01",
)
def right_exists(target: Target, act: Act, today: date) -> Refusal | None:
    """A patent that has lapsed, expired, was abandoned, invalidated or never granted is not offered or licensed."""
    if (why := _GONE.get(target.status.state)) is None:
        return None
    return Refusal(
        "LS-NOT-IN-FORCE",
        Text(f"patent {target.id} {why.en}", f"专利 {target.id} {why.zh}"),
        Text(
            "if the register says otherwise, record a look at it (REGISTER_CHECKED)",
            "如登记簿记载不同，请记录一次登记簿核查（REGISTER_CHECKED）",
        ),
        pointer="/patent_ids",
    )


@rule("LS-NOT-GRANTED", source=Text("Patent Law Art. 39, 40", "专利法第三十九条、第四十条"), since="2021-06-01")
def right_is_granted(target: Target, act: Act, today: date) -> Refusal | None:
    """Only a granted patent is offered: the right takes effect with the announcement of its grant."""
    state = target.status.state
    if state is not LegalState.PENDING and (target.is_granted or state is not LegalState.UNKNOWN):
        return None
    return Refusal(
        "LS-NOT-GRANTED",
        Text(
            f"patent {target.id} is not granted, as far as its record says", f"根据现有记录，专利 {target.id} 尚未授权"
        ),
        Text(
            "add its grant date or the publication number of the grant (kind B, U or S)",
            "请补充授权公告日或授权公告号（B、U 或 S 类）",
        ),
        pointer="/patent_ids",
    )


def term_runs(target: Target, act: Act, today: date) -> Refusal | None:
    """LS-TERM, where no source has stated a status that would say it."""
    if target.status.state is not LegalState.UNKNOWN:
        return None
    return term_has_not_ended(target.patent_type, target.filed_on, today)


@rule(
    "LS-SUSPENDED",
    source=Text("Implementing Regulations rules 103-105", "专利法实施细则第一百零三条至第一百零五条"),
    since="2024-01-20",
)
def right_is_not_suspended(target: Target, act: Act, today: date) -> Refusal | None:
    """While the office has suspended procedures (ownership dispute, court preservation), the patent is not offered."""
    if target.status.state is not LegalState.SUSPENDED or act is Act.OPEN_LICENSE:
        return None
    return Refusal(
        "LS-SUSPENDED",
        Text(f"procedures on patent {target.id} are suspended", f"专利 {target.id} 的有关程序已中止"),
        Text("wait for the end of the suspension, and record it", "请待中止程序结束并记录后再办理"),
        pointer="/patent_ids",
    )


@rule(
    "LS-STALE",
    source=Text("the platform's background check 背景审核", "平台背景审核规则"),
    since="2026-11-22",
)
def status_is_known(target: Target, act: Act, today: date) -> Refusal | None:
    """Beyond a listing, no act rests on a status that nobody has stated, or that was looked up too long ago."""
    if act is Act.LISTING or target.status.state in _GONE:
        return None
    if target.status.state is not LegalState.UNKNOWN and target.status.freshness is Freshness.FRESH:
        return None
    return Refusal(
        "LS-STALE",
        Text(
            f"the register was not looked at lately for patent {target.id}",
            f"专利 {target.id} 近期未核查登记簿，法律状态未知或已过期",
        ),
        Text(
            "record a look at the register (REGISTER_CHECKED), with the extract as its document",
            "请记录一次登记簿核查（REGISTER_CHECKED）并附登记簿副本",
        ),
        pointer="/patent_ids",
    )


@rule("LS-GRACE", source=Text("Implementing Regulations rule 115", "专利法实施细则第一百一十五条"), since="2024-01-20")
def fees_are_paid(target: Target, act: Act, today: date) -> Refusal | None:
    """In the six months of grace the right still stands, but unpaid it ends from the due date on: a warning."""
    if target.status.state is not LegalState.FEE_GRACE_PERIOD or act in (Act.LISTING, Act.OPEN_LICENSE):
        return None
    until = target.status.grace_ends_on
    return Refusal(
        "LS-GRACE",
        Text(
            f"the annual fee of patent {target.id} is unpaid; without payment the right ends, from its due date on",
            f"专利 {target.id} 的年费尚未缴纳，期满未缴纳的，专利权自应当缴纳年费期满之日起终止",
        ),
        Text(
            f"pay fee and surcharge{f' until {until}' if until else ''} and record it (ANNUAL_FEE_PAID)",
            f"请{f'在{until}前' if until else ''}补缴年费和滞纳金并记录（ANNUAL_FEE_PAID）",
        ),
        pointer="/patent_ids",
        severity="WARN",
    )


@rule("CO-CONSENT", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def owners_consent(target: Target, act: Act, today: date) -> Refusal | None:
    """Of a co-owned patent each owner may grant ordinary licenses alone; everything else needs all of them.

    An agreement between the owners goes first: what it leaves to each owner needs nobody else, what it does not
    needs all, ordinary licenses too.
    """
    alone = {Act.LISTING, *(target.standing.alone if target.standing.alone is not None else (Act.ORDINARY_LICENSE,))}
    if not target.is_co_owned or act in alone or act in target.agreed:
        return None
    name = ACT_NAME[act]
    return Refusal(
        "CO-CONSENT",
        Text(
            f"{name.en} of patent {target.id} needs the consent of all its owners",
            f"专利 {target.id} 的{name.zh}须经全体共有人同意",
        ),
        Text(
            "record the consent of every other owner at /v1/patents/{id}/consents, or their agreement",
            "请在 /v1/patents/{id}/consents 记录其他每位共有人的同意，或记录共有人之间的约定",
        ),
        pointer="/patent_ids",
    )


@rule("LS-AUTHORITY", source=Text("Civil Code Art. 870", "民法典第八百七十条"), since="2021-01-01")
def keeper_may_dispose(target: Target, act: Act, today: date) -> Refusal | None:
    """Whoever keeps a record without being a holder acts only as far as every holder has consented.

    The licensor warrants that the technology is lawfully its own.
    """
    if target.is_keepers_own or act in target.agreed or (act is Act.LISTING and target.agreed):
        return None
    return Refusal(
        "LS-AUTHORITY",
        Text(
            f"whoever keeps patent {target.id} is none of its holders, and they have not consented to {ACT_NAME[act].en}",
            f"专利 {target.id} 的登记单位并非专利权人，且专利权人未同意{ACT_NAME[act].zh}",
        ),
        Text(
            "act for the holder under a delegation (X-On-Behalf-Of), or record each holder's consent at"
            " /v1/patents/{id}/consents",
            "请凭委托以专利权人名义办理（X-On-Behalf-Of），或在 /v1/patents/{id}/consents 记录每位专利权人的同意",
        ),
        pointer="/patent_ids",
    )


@rule("CO-SHARES", source=Text("Patent Law Art. 14", "专利法第十四条"), since="2021-06-01")
def shares_are_recorded(target: Target, act: Act, today: date) -> Refusal | None:
    """The fee of a license is shared among the owners; the law names no default, so unrecorded shares are a warning."""
    if not target.is_co_owned or target.has_shares or act not in {*_LICENSES, Act.OPEN_LICENSE}:
        return None
    return Refusal(
        "CO-SHARES",
        Text(
            f"the owners of patent {target.id} have not recorded their shares; the fee's split stays open",
            f"专利 {target.id} 的共有人未登记份额，许可费的分配无法确定",
        ),
        Text("record the holders' shares (they sum to 100)", "请登记各专利权人的份额（合计100）"),
        pointer="/patent_ids",
        severity="WARN",
    )


def _unconsented(target: Target, act: Act, today: date) -> list[Encumbrance]:
    """Pledges whose creditor has not consented to the act."""
    given = [one for one in target.standing.consents if one.role is ConsentRole.PLEDGEE and one.revoked_on is None]
    return [
        pledge
        for pledge in target.standing.active(EncumbranceKind.PLEDGE, today)
        if not any(
            act in one.acts and is_party(pledge.party or "", pledge.party_uscc, one.party, one.party_uscc)
            for one in given
        )
    ]


def _pledgee_cure() -> Text:
    return Text(
        "record the pledgee's consent at /v1/patents/{id}/consents (role PLEDGEE), or the pledge's release",
        "请在 /v1/patents/{id}/consents 记录质权人的同意（role 为 PLEDGEE），或记录质押解除",
    )


@rule("PLEDGE-CONSENT", source=Text("Civil Code Art. 444", "民法典第四百四十四条"), since="2021-01-01")
def pledgee_consents(target: Target, act: Act, today: date) -> Refusal | None:
    """A pledged patent is licensed or assigned only with the pledgee's consent; the proceeds go to the debt first."""
    if act not in {*_LICENSES, Act.ASSIGNMENT} or not _unconsented(target, act, today):
        return None
    name = ACT_NAME[act]
    return Refusal(
        "PLEDGE-CONSENT",
        Text(
            f"patent {target.id} is pledged, and the pledgee has not consented to {name.en}",
            f"专利 {target.id} 已质押，质权人未同意{name.zh}",
        ),
        _pledgee_cure(),
        pointer="/patent_ids",
    )


def _is_limited(license_: Encumbrance) -> bool:
    return bool(license_.territory or license_.field_of_use)


OWN = "lic_"  # how the reference of a license begins that was made on this platform


def _may_meet(license_: Encumbrance, wanted: WantedScope | None) -> bool:
    """Whether a license on record may cover some of what is wanted; the fields of two are told apart by people."""
    if wanted is None:
        return True
    if (license_.reference or "").startswith(OWN):
        return False  # licensing keeps its scope
    there, here = license_.territory, wanted.territory
    apart_in_space = there and here and not any(a.startswith(b) or b.startswith(a) for a in there for b in here)
    apart_in_time = license_.since > wanted.until or (license_.until is not None and license_.until < wanted.begins_on)
    return not (apart_in_space or apart_in_time)


@rule(
    "SCOPE-CONFLICT",
    source=Text("Interpretation on technology contracts Art. 25", "技术合同司法解释（2020）第二十五条"),
    since="2021-01-01",
)
def licenses_leave_room(target: Target, act: Act, today: date) -> Refusal | None:
    """Beside an exclusive or sole license there is no other; a sole or exclusive one is not granted beside any.

    A recorded license that is limited to a territory or field is a warning: whether the wanted scope overlaps is
    decided where it is known.
    """
    if act not in _LICENSES:
        return None
    known = target.standing.active(EncumbranceKind.LICENSE, today)
    standing = [one for one in known if _may_meet(one, target.wanted)]
    if act is Act.ORDINARY_LICENSE:
        standing = [one for one in standing if one.license_type is not LicenseType.ORDINARY]
    if not standing:
        return None
    named = ", ".join(sorted({str(one.license_type) for one in standing}))
    ends = max((one.until for one in standing if one.until), default=None)
    return Refusal(
        "SCOPE-CONFLICT",
        Text(
            f"a license in force ({named}) on patent {target.id} leaves no room for {ACT_NAME[act].en}",
            f"专利 {target.id} 上有有效的许可（{named}），与{ACT_NAME[act].zh}冲突",
        ),
        Text(
            f"wait for its end{f' on {ends}' if ends else ''}, or take a territory or field that it leaves free",
            f"请待该许可{f'于{ends}' if ends else ''}终止，或选择其未覆盖的地域或领域",
        ),
        pointer="/patent_ids",
        severity="WARN" if all(_is_limited(one) for one in standing) else "BLOCK",
    )


@rule("OL-IN-FORCE", source=Text("Patent Law Art. 51", "专利法第五十一条第三款"), since="2021-06-01")
def no_open_license_runs(target: Target, act: Act, today: date) -> Refusal | None:
    """While an open license is announced, no sole or exclusive license is granted on the patent."""
    if act not in (Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE) or target.standing.open_license is None:
        return None
    return Refusal(
        "OL-IN-FORCE",
        Text(
            f"patent {target.id} is under open license ({target.standing.open_license})",
            f"专利 {target.id} 正在实行开放许可（{target.standing.open_license}）",
        ),
        Text(
            "grant an ordinary license, or have the declaration's withdrawal announced first",
            "可给予普通许可；或先撤回开放许可声明并经公告",
        ),
        pointer="/patent_ids",
    )


_RULE_86 = "Implementing Regulations rule 86", "专利法实施细则第八十六条"


@rule("OL-EXCL", source=Text(f"{_RULE_86[0]} (1)", f"{_RULE_86[1]}第（一）项"), since="2024-01-20")
def open_without_exclusive(target: Target, act: Act, today: date) -> Refusal | None:
    """No open license while an exclusive or sole license is in force."""
    if act is not Act.OPEN_LICENSE:
        return None
    standing = target.standing.active(EncumbranceKind.LICENSE, today)
    if all(one.license_type is LicenseType.ORDINARY for one in standing):
        return None
    return Refusal(
        "OL-EXCL",
        Text(
            f"patent {target.id} is under an exclusive or sole license",
            f"专利 {target.id} 处于独占或者排他许可有效期限内",
        ),
        Text("declare after that license has ended (LICENSE_ENDED)", "请在该许可终止并记录（LICENSE_ENDED）后再声明"),
        pointer="/patent_ids",
    )


@rule("OL-SUSPENDED", source=Text(f"{_RULE_86[0]} (2)", f"{_RULE_86[1]}第（二）项"), since="2024-01-20")
def open_without_suspension(target: Target, act: Act, today: date) -> Refusal | None:
    """No open license while procedures are suspended under rules 103 or 104."""
    if act is not Act.OPEN_LICENSE or target.status.state is not LegalState.SUSPENDED:
        return None
    return Refusal(
        "OL-SUSPENDED",
        Text(f"procedures on patent {target.id} are suspended", f"专利 {target.id} 的有关程序已中止"),
        Text("wait for the end of the suspension, and record it", "请待中止程序结束并记录后再声明"),
        pointer="/patent_ids",
    )


@rule("OL-FEES", source=Text(f"{_RULE_86[0]} (3)", f"{_RULE_86[1]}第（三）项"), since="2024-01-20")
def open_with_fees_paid(target: Target, act: Act, today: date) -> Refusal | None:
    """No open license while an annual fee is unpaid, in the months of grace too."""
    if act is not Act.OPEN_LICENSE or target.status.state is not LegalState.FEE_GRACE_PERIOD:
        return None
    return Refusal(
        "OL-FEES",
        Text(f"the annual fee of patent {target.id} is unpaid", f"专利 {target.id} 未按照规定缴纳年费"),
        Text("pay fee and surcharge and record it (ANNUAL_FEE_PAID)", "请补缴年费和滞纳金并记录（ANNUAL_FEE_PAID）"),
        pointer="/patent_ids",
    )


@rule("OL-PLEDGE", source=Text(f"{_RULE_86[0]} (4)", f"{_RULE_86[1]}第（四）项"), since="2024-01-20")
def open_with_pledgee(target: Target, act: Act, today: date) -> Refusal | None:
    """No open license on a pledged patent without the pledgee's consent."""
    if act is not Act.OPEN_LICENSE or not _unconsented(target, act, today):
        return None
    return Refusal(
        "OL-PLEDGE",
        Text(
            f"patent {target.id} is pledged, and the pledgee has not consented to an open license",
            f"专利 {target.id} 已质押，质权人未同意开放许可",
        ),
        _pledgee_cure(),
        pointer="/patent_ids",
    )


@rule("OL-EVAL-REPORT", source=Text("Patent Law Art. 50", "专利法第五十条第一款"), since="2021-06-01")
def open_with_report(target: Target, act: Act, today: date) -> Refusal | None:
    """An open license on a utility model or design needs an evaluation report, and one that speaks for the right."""
    if act is not Act.OPEN_LICENSE or target.patent_type is PatentType.INVENTION or target.standing.report == "MEETS":
        return None
    kind = TYPE_NAME[target.patent_type]
    if target.standing.report == "FAILS":
        return Refusal(
            "OL-EVAL-REPORT",
            Text(
                f"the evaluation report finds that {kind.en} {target.id} does not meet the conditions for its grant",
                f"专利权评价报告认为{kind.zh} {target.id} 不符合授予专利权条件",
            ),
            Text(
                "it cannot be offered under open license; have the report corrected if it is wrong",
                "不能实行开放许可；如认为评价报告有误，请向国家知识产权局请求更正",
            ),
            pointer="/patent_ids",
        )
    return Refusal(
        "OL-EVAL-REPORT",
        Text(f"{kind.en} {target.id} has no evaluation report", f"{kind.zh} {target.id} 没有专利权评价报告"),
        Text(
            "request one from CNIPA (made within two months) and record it at /v1/patents/{id}/evaluation-reports",
            "请向国家知识产权局请求作出（两个月内），并在 /v1/patents/{id}/evaluation-reports 记录",
        ),
        pointer="/patent_ids",
    )


@rule(
    "AS-LICENSES",
    source=Text("Interpretation on technology contracts Art. 24", "技术合同司法解释（2020）第二十四条"),
    since="2021-01-01",
)
def licenses_survive(target: Target, act: Act, today: date) -> Refusal | None:
    """An assignment does not end the licenses granted before it: the transferee has to be told."""
    if act is not Act.ASSIGNMENT or not target.standing.active(EncumbranceKind.LICENSE, today):
        return None
    return Refusal(
        "AS-LICENSES",
        Text(f"licenses on patent {target.id} survive its assignment", f"专利 {target.id} 上的许可不因转让而终止"),
        Text("name them in the contract of assignment", "请在转让合同中载明"),
        pointer="/patent_ids",
        severity="WARN",
    )


@rule("AS-PREEMPTION", source=Text("Civil Code Art. 847", "民法典第八百四十七条"), since="2021-01-01")
def completers_go_first(target: Target, act: Act, today: date) -> Refusal | None:
    """When a unit assigns a service invention, its completers may take it on equal terms."""
    if act is not Act.ASSIGNMENT:
        return None
    return Refusal(
        "AS-PREEMPTION",
        Text(
            "the inventors of a service invention may take it on equal terms",
            "转让职务技术成果时，完成人享有以同等条件优先受让的权利",
        ),
        Text("ask them in writing before you assign", "转让前请书面征求发明人意见"),
        pointer="/patent_ids",
        severity="WARN",
    )


@rule("OL-NOT-ANNOUNCED", source=Text("Patent Law Art. 50", "专利法第五十条第一款"), since="2021-06-01")
def open_mode_is_announced(target: Target) -> Refusal | None:
    """Only a patent whose declaration CNIPA has announced is shown as under open license 开放许可."""
    if target.standing.open_license is not None:
        return None
    return Refusal(
        "OL-NOT-ANNOUNCED",
        Text(f"no open license is announced for patent {target.id}", f"专利 {target.id} 没有已公告的开放许可"),
        Text(
            "file a declaration; after its announcement is recorded (OPEN_LICENSE) the mode OPEN may stand here",
            "请先提出开放许可声明，公告并记录（OPEN_LICENSE）后方可标注 OPEN",
        ),
        pointer="/modes",
    )


Decides = Callable[[Target, Act, date], Refusal | None]
_RULES: tuple[Decides, ...] = (
    is_not_classified,
    right_exists,
    right_is_granted,
    term_runs,
    right_is_not_suspended,
    status_is_known,
    fees_are_paid,
    keeper_may_dispose,
    owners_consent,
    shares_are_recorded,
    pledgee_consents,
    licenses_leave_room,
    no_open_license_runs,
    open_without_exclusive,
    open_without_suspension,
    open_with_fees_paid,
    open_with_pledgee,
    open_with_report,
    licenses_survive,
    completers_go_first,
)


def refusals(target: Target, act: Act, today: date) -> list[Refusal]:
    """All reasons against an act on a day, warnings among them; none that blocks means that it is allowed."""
    return [no for decide in _RULES if (no := decide(target, act, today)) is not None]


def blocks(found: Iterable[Refusal]) -> list[Refusal]:
    """The reasons that forbid."""
    return [no for no in found if no.severity == "BLOCK"]


def against_offer(target: Target, modes: Sequence[LicenseMode], today: date) -> list[Refusal]:
    """All reasons that forbid to offer a patent in these modes.

    An offer is information: that the register was not looked at lately forbids none (it gets a badge). But what
    the law would refuse to whoever answers is not offered.
    """
    found = blocks(refusals(target, Act.LISTING, today))
    for mode in modes:
        if mode is LicenseMode.OPEN:
            found += [no] if (no := open_mode_is_announced(target)) else []
        else:
            found += blocks(refusals(target, ACT_OF_MODE[mode], today))
    said: dict[tuple[str, Text], Refusal] = {}
    for no in found:
        if no.rule != "LS-STALE":
            said.setdefault((no.rule, no.message), no)
    return list(said.values())
