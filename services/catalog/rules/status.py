"""Legal status: what the recorded events say, on a given day.

Two steps. `fold` reads the events once, whenever one is recorded, into a `Standing` that does not
depend on the day. `on` then says what the standing means today: terms end, fees fall due and looks
at the register grow stale without any event.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

from pydantic_core import to_json

from services.catalog.rules.term import term_end
from shared.contracts.catalog import (
    Act,
    Consent,
    ConsentRole,
    Encumbrance,
    EncumbranceKind,
    EventCode,
    EventDetail,
    EventSource,
    ExploitationStatus,
    Freshness,
    Holder,
    LegalState,
    LegalStatus,
    LicenseType,
)
from shared.contracts.values import PatentType
from shared.contracts.wire import Reply
from shared.errors import Text
from shared.rulebook import rule

_RULES_106 = Text("Implementing Regulations rules 106, 107", "专利法实施细则第一百零六条、第一百零七条")

GRACE_MONTHS = 6  # Implementing Regulations rule 115

AFTER: dict[EventCode, LegalState] = {
    EventCode.GRANT: LegalState.IN_FORCE,
    EventCode.SUSPENSION: LegalState.SUSPENDED,
    EventCode.PRESERVATION: LegalState.SUSPENDED,
    EventCode.LAPSE: LegalState.LAPSED_UNPAID_FEE,
    EventCode.RESTORATION: LegalState.RESTORED,
    EventCode.ABANDONMENT: LegalState.ABANDONED,
    EventCode.PARTIAL_INVALIDATION: LegalState.PARTIALLY_INVALIDATED,
    EventCode.INVALIDATION: LegalState.INVALIDATED,
    EventCode.REFUSAL: LegalState.REFUSED,
    EventCode.APPLICATION_WITHDRAWAL: LegalState.WITHDRAWN,
}
ALIVE = frozenset(
    {
        LegalState.UNKNOWN,
        LegalState.IN_FORCE,
        LegalState.FEE_GRACE_PERIOD,
        LegalState.SUSPENDED,
        LegalState.PARTIALLY_INVALIDATED,
        LegalState.RESTORED,
    }
)
OWES_FEES = frozenset(
    {LegalState.IN_FORCE, LegalState.RESTORED, LegalState.PARTIALLY_INVALIDATED, LegalState.FEE_GRACE_PERIOD}
)
_LOOKS = frozenset({EventCode.REGISTER_CHECKED, EventCode.ANNUAL_FEE_PAID})
_ENDS_THE_RIGHT = frozenset({EventCode.LAPSE, EventCode.ABANDONMENT, EventCode.INVALIDATION})

OPENS: dict[EventCode, EncumbranceKind] = {
    EventCode.PLEDGE: EncumbranceKind.PLEDGE,
    EventCode.PRESERVATION: EncumbranceKind.PRESERVATION,
    EventCode.SUSPENSION: EncumbranceKind.SUSPENSION,
    EventCode.LICENSE_RECORDED: EncumbranceKind.LICENSE,
}
CLOSES: dict[EventCode, EncumbranceKind] = {
    EventCode.PLEDGE_RELEASE: EncumbranceKind.PLEDGE,
    EventCode.PRESERVATION_END: EncumbranceKind.PRESERVATION,
    EventCode.SUSPENSION_END: EncumbranceKind.SUSPENSION,
    EventCode.LICENSE_ENDED: EncumbranceKind.LICENSE,
}
SUSPENDS = frozenset({EncumbranceKind.PRESERVATION, EncumbranceKind.SUSPENSION})
_USES: dict[EventCode, ExploitationStatus] = {
    EventCode.LICENSE_RECORDED: ExploitationStatus.LICENSED,
    EventCode.TRANSFER: ExploitationStatus.TRANSFERRED,
    EventCode.EQUITY_CONTRIBUTION: ExploitationStatus.CONTRIBUTED_AS_EQUITY,
    EventCode.SELF_EXPLOITATION: ExploitationStatus.SELF_EXPLOITED,
}
_RANK = list(ExploitationStatus)
_NOTHING = EventDetail()


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event."""

    code: EventCode
    occurred_on: date
    source: EventSource
    detail: EventDetail = _NOTHING
    id: str = ""


class Standing(Reply):
    """What the events say, whatever the day."""

    state: LegalState = LegalState.UNKNOWN
    as_of: date | None = None
    source: EventSource | None = None
    checked_on: date | None = None
    fees_paid_until: date | None = None
    before_suspension: LegalState = LegalState.IN_FORCE
    ended_on: date | None = None
    compensation_days: int = 0
    is_classified: bool = False
    open_license: str | None = None  # the number of its announcement, while it runs
    report: Literal["MEETS", "FAILS"] | None = None
    alone: tuple[Act, ...] | None = None  # what each owner may do alone by their agreement; None: no agreement
    encumbrances: tuple[Encumbrance, ...] = ()
    consents: tuple[Consent, ...] = ()
    uses: tuple[ExploitationStatus, ...] = ()
    holders: tuple[Holder, ...] | None = None  # as the last event names them that says who holds; None: none does
    held_since: date | None = None
    is_assigned: bool = True  # by that event; False: it only said anew who they are

    def stored(self) -> dict[str, Any]:
        """As kept in the patent's row."""
        return {"state": self.state.value, **self.model_dump(mode="json", exclude_defaults=True)}  # `state_on` reads it

    @staticmethod
    def restored(raw: dict[str, Any]) -> Standing:
        """From the patent's row. Many patents stand alike, most of them with nothing said: those are read once."""
        return _restored(to_json(raw))

    def active(self, kind: EncumbranceKind, today: date) -> list[Encumbrance]:
        """Encumbrances of a kind that stand on a day."""
        return [one for one in self.encumbrances if one.kind is kind and _stands(one, today)]

    def encumbrances_on(self, today: date) -> list[Encumbrance]:
        """All encumbrances, each with its state on a day."""
        return [
            one.model_copy(update={"state": "ACTIVE" if _stands(one, today) else "RELEASED"})
            for one in self.encumbrances
        ]

    @property
    def exploitation(self) -> ExploitationStatus:
        """The strongest use that the events tell of (policy's 未实施 screening looks at it)."""
        return max(self.uses, key=_RANK.index, default=ExploitationStatus.UNIMPLEMENTED)


@lru_cache(4096)
def _restored(raw: bytes) -> Standing:
    return Standing.model_validate_json(raw)


def _stands(one: Encumbrance, today: date) -> bool:
    return one.released_on is None and (one.until is None or today <= one.until)


@dataclass(slots=True)
class _Folding:
    """A standing while its events are read."""

    facts: dict[str, Any] = field(default_factory=dict)
    state: LegalState = LegalState.UNKNOWN
    before_suspension: LegalState = LegalState.IN_FORCE
    encumbrances: dict[str, Encumbrance] = field(default_factory=dict)
    consents: dict[str, Consent] = field(default_factory=dict)
    uses: set[ExploitationStatus] = field(default_factory=set)

    def suspended_by(self) -> list[Encumbrance]:
        return [one for one in self.encumbrances.values() if one.kind in SUSPENDS and one.released_on is None]

    def release(self, ended: Iterable[Encumbrance], on_day: date) -> None:
        for one in ended:
            self.encumbrances[one.id] = one.model_copy(update={"released_on": on_day, "state": "RELEASED"})

    def move(self, event: Event) -> None:
        """The legal state after an event."""
        before, detail = self.state, event.detail
        match event.code:
            case EventCode.REGISTER_CHECKED:
                self.facts["checked_on"] = event.occurred_on
                self.state = detail.state or self.state
                if detail.state not in (None, LegalState.SUSPENDED):
                    self.release(self.suspended_by(), event.occurred_on)
            case EventCode.ANNUAL_FEE_PAID:
                if self.state in (LegalState.FEE_GRACE_PERIOD, LegalState.UNKNOWN):
                    self.state = LegalState.IN_FORCE
            case EventCode.SUSPENSION_END | EventCode.PRESERVATION_END:
                if self.state is LegalState.SUSPENDED and not self.suspended_by():
                    self.state = self.before_suspension
            case code:
                self.state = AFTER[code]
        if self.state is LegalState.SUSPENDED and before not in (LegalState.SUSPENDED, LegalState.UNKNOWN):
            self.before_suspension = before
        if event.code in _ENDS_THE_RIGHT:
            self.facts["ended_on"] = event.occurred_on
        elif self.state in ALIVE:
            self.facts["ended_on"] = None
        paid_until = self.facts.get("fees_paid_until")
        if detail.fees_paid_until:
            self.facts["fees_paid_until"] = detail.fees_paid_until
        elif paid_until and event.occurred_on > paid_until and _says_paid(event):
            self.facts["fees_paid_until"] = None  # something was paid since that day, until when nobody has said
        self.facts |= {"as_of": event.occurred_on, "source": event.source}

    def note(self, event: Event) -> None:
        """What an event says beside the legal state."""
        detail, facts = event.detail, self.facts
        match event.code:
            case code if code in OPENS:
                one = _encumbrance(event)
                self.encumbrances[one.id] = one
            case code if code in CLOSES:
                standing = [one for one in self.encumbrances.values() if one.kind is CLOSES[code]]
                self.release(_meant(standing, detail), event.occurred_on)
            case EventCode.CONSENT:
                consent = _consent(event)
                self.consents[consent.id] = consent
            case EventCode.CONSENT_REVOCATION if given := self.consents.get(detail.ends or ""):
                self.consents[given.id] = given.model_copy(update={"revoked_on": event.occurred_on})
            case EventCode.TERM_COMPENSATION:
                facts["compensation_days"] = facts.get("compensation_days", 0) + (detail.days or 0)
            case EventCode.CLASSIFICATION | EventCode.DECLASSIFICATION:
                facts["is_classified"] = event.code is EventCode.CLASSIFICATION
            case EventCode.OPEN_LICENSE | EventCode.OPEN_LICENSE_WITHDRAWAL:
                facts["open_license"] = detail.reference if event.code is EventCode.OPEN_LICENSE else None
            case EventCode.EVALUATION_REPORT:
                facts["report"] = detail.conclusion
            case EventCode.CO_OWNERS_AGREEMENT:
                facts["alone"] = tuple(detail.acts or ())
        if detail.holders:
            facts |= {"holders": tuple(detail.holders), "held_since": event.occurred_on}
            facts["is_assigned"] = event.code is not EventCode.HOLDER_CHANGE
        if use := _USES.get(event.code):
            self.uses.add(use)


@rule("ST-EVENTS", source=_RULES_106, since="2024-01-20")
def fold(events: Iterable[Event]) -> Standing:
    """The status follows from the recorded events in the order of their days; no source, no status.

    `events` come in the order in which they were recorded, which counts within a day. And a right that ended
    retroactively (an unpaid fee's due date, rule 115; an invalidation, Patent Law Art. 47) stays ended although
    somebody, before that was known, looked at the register on a later day and found it in force.
    """
    recorded = list(events)
    folding = _Folding()
    for index, event in sorted(enumerate(recorded), key=lambda pair: pair[1].occurred_on):
        folding.note(event)
        if event.code in _LOOKS and any(
            later.code in _ENDS_THE_RIGHT and later.occurred_on <= event.occurred_on for later in recorded[index + 1 :]
        ):
            continue  # what was seen then is known to be wrong by now
        if event.code in AFTER or event.code in _LOOKS or CLOSES.get(event.code) in SUSPENDS:
            folding.move(event)
    uses = set(folding.uses)
    if any(one.kind is EncumbranceKind.PLEDGE and one.released_on is None for one in folding.encumbrances.values()):
        uses.add(ExploitationStatus.PLEDGED)
    return Standing(
        **folding.facts,
        state=folding.state,
        before_suspension=folding.before_suspension,
        encumbrances=tuple(folding.encumbrances.values()),
        consents=tuple(folding.consents.values()),
        uses=tuple(sorted(uses, key=_RANK.index)),
    )


def _encumbrance(event: Event) -> Encumbrance:
    detail, kind = event.detail, OPENS[event.code]
    return Encumbrance(
        id=encumbrance_id(event.id),
        kind=kind,
        since=event.occurred_on,
        until=detail.until,
        party=detail.party,
        party_uscc=detail.party_uscc,
        reference=detail.reference,
        license_type=(detail.license_type or LicenseType.ORDINARY) if kind is EncumbranceKind.LICENSE else None,
        territory=detail.territory or [],
        field_of_use=detail.field_of_use,
    )


def _consent(event: Event) -> Consent:
    detail = event.detail
    return Consent(
        id=consent_id(event.id),
        role=detail.role or ConsentRole.CO_OWNER,
        party=detail.party or "",
        party_uscc=detail.party_uscc,
        acts=detail.acts or [],
        given_on=event.occurred_on,
    )


def encumbrance_id(event_id: str) -> str:
    """An encumbrance is known by the event that opened it."""
    return "enc_" + event_id.partition("_")[2]


def ended(standing: Standing) -> set[str]:
    """The events whose encumbrance or consent is over."""
    over = [one.id for one in standing.encumbrances if one.released_on is not None]
    over += [one.id for one in standing.consents if one.revoked_on is not None]
    return {"evt_" + id_.partition("_")[2] for id_ in over}


def consent_id(event_id: str) -> str:
    """A consent is known by the event that gave it."""
    return "cns_" + event_id.partition("_")[2]


def _meant(standing: Iterable[Encumbrance], detail: EventDetail) -> list[Encumbrance]:
    """Which encumbrances an event ends: the one that it names, by id or by registration number, else all."""
    open_ = [one for one in standing if one.released_on is None]
    if detail.ends:
        return [one for one in open_ if one.id == detail.ends]
    named = [one for one in open_ if detail.reference and one.reference == detail.reference]
    return named or open_


def _says_paid(event: Event) -> bool:
    """Whether an event shows that fees were in order on its day."""
    if event.code is EventCode.REGISTER_CHECKED:
        return event.detail.state in (LegalState.IN_FORCE, LegalState.RESTORED, LegalState.PARTIALLY_INVALIDATED)
    return event.code in (EventCode.ANNUAL_FEE_PAID, EventCode.RESTORATION)


def grace_end(due_on: date) -> date:
    """The last day on which an unpaid annual fee can still be paid: six months after it was due (rules 5, 115)."""
    months = due_on.month + GRACE_MONTHS
    year, month = due_on.year + (months - 1) // 12, (months - 1) % 12 + 1
    return date(year, month, min(due_on.day, monthrange(year, month)[1]))


@rule("ST-GRACE", source=Text("Implementing Regulations rule 115", "专利法实施细则第一百一十五条"), since="2024-01-20")
def after_due_date(paid_until: date, today: date) -> LegalState:
    """Unpaid fees: six months of grace from the due date, then the right has ended, and from the due date on."""
    if today <= paid_until:
        return LegalState.IN_FORCE
    return LegalState.FEE_GRACE_PERIOD if today <= grace_end(paid_until) else LegalState.LAPSED_UNPAID_FEE


@rule(
    "ST-SUSPENSION",
    source=Text("Implementing Regulations rules 103, 104", "专利法实施细则第一百零三条、第一百零四条"),
    since="2024-01-20",
)
def after_suspension(standing: Standing, today: date) -> LegalState:
    """A suspension or preservation that was ordered until a day ends by itself after it, unless it was prolonged."""
    orders = [one for one in standing.encumbrances if one.kind in SUSPENDS and one.released_on is None]
    if standing.state is LegalState.SUSPENDED and orders and not any(_stands(one, today) for one in orders):
        return standing.before_suspension
    return standing.state


def expires_on(standing: Standing, patent_type: PatentType, filed_on: date | None) -> date | None:
    """The last day of the term, with the days by which it was compensated (Patent Law Art. 42)."""
    if filed_on is None:
        return None
    return term_end(patent_type, filed_on) + timedelta(days=standing.compensation_days)


def on(
    standing: Standing,
    patent_type: PatentType,
    filed_on: date | None,
    today: date,
    fresh_days: int,
    granted_on: date | None = None,
) -> LegalStatus:
    """The legal status on a day: the standing, unless a term or a payment period has run out since."""
    state, ended_on, due_on = after_suspension(standing, today), standing.ended_on, None
    if state in OWES_FEES and standing.fees_paid_until:
        due = after_due_date(standing.fees_paid_until, today)
        if due is not LegalState.IN_FORCE:
            state, due_on = due, standing.fees_paid_until
            ended_on = due_on if due is LegalState.LAPSED_UNPAID_FEE else None
    last_day = expires_on(standing, patent_type, filed_on)
    if state in ALIVE and last_day is not None and today > last_day:
        state, ended_on = LegalState.EXPIRED, last_day
    if state is LegalState.INVALIDATED:
        ended_on = granted_on or filed_on
    elif state is LegalState.LAPSED_UNPAID_FEE:
        ended_on = ended_on or standing.fees_paid_until
    checked = standing.checked_on
    fresh = checked is not None and timedelta(0) <= today - checked <= timedelta(days=fresh_days)
    return LegalStatus(
        state=state,
        as_of=standing.as_of,
        source=standing.source,
        freshness=Freshness.FRESH if fresh else Freshness.STALE,
        fees_paid_until=standing.fees_paid_until,
        grace_ends_on=grace_end(due_on) if due_on and state is LegalState.FEE_GRACE_PERIOD else None,
        ended_on=ended_on,
    )
