"""Legal status: what the recorded events say, on a given day.

Two steps. `fold` reads the events once, whenever one is recorded, into a `Standing` that does not
depend on the day. `on` then says what the standing means today: terms end, fees fall due and looks
at the register grow stale without any event.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from services.catalog.rules.term import term_end
from shared.contracts.catalog import (
    EventCode,
    EventSource,
    Freshness,
    LegalState,
    LegalStatus,
)
from shared.contracts.values import PatentType
from shared.errors import Text
from shared.rulebook import Refusal, rule

_RULES_106 = Text("Implementing Regulations rules 106, 107", "专利法实施细则第一百零六条、第一百零七条")

GRACE_MONTHS = 6  # Implementing Regulations rule 115

AFTER: dict[EventCode, LegalState] = {
    EventCode.GRANT: LegalState.IN_FORCE,
    EventCode.SUSPENSION: LegalState.SUSPENDED,
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


_OWES_FEES = frozenset(
    {LegalState.IN_FORCE, LegalState.RESTORED, LegalState.PARTIALLY_INVALIDATED, LegalState.FEE_GRACE_PERIOD}
)


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded legal event, as far as the status depends on it."""

    code: EventCode
    occurred_on: date
    source: EventSource
    state: LegalState | None = None  # of a look at the register
    fees_paid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the events say, whatever the day."""

    state: LegalState = LegalState.UNKNOWN
    as_of: date | None = None
    source: EventSource | None = None
    checked_on: date | None = None
    fees_paid_until: date | None = None

    def stored(self) -> dict[str, Any]:
        """As kept in the patent's row."""
        return {
            "state": self.state,
            "as_of": self.as_of and self.as_of.isoformat(),
            "source": self.source,
            "checked_on": self.checked_on and self.checked_on.isoformat(),
            "fees_paid_until": self.fees_paid_until and self.fees_paid_until.isoformat(),
        }

    @classmethod
    def restored(cls, raw: dict[str, Any]) -> Self:
        """From the patent's row."""

        def day(name: str) -> date | None:
            return date.fromisoformat(raw[name]) if raw.get(name) else None

        source = EventSource(raw["source"]) if raw.get("source") else None
        return cls(LegalState(raw["state"]), day("as_of"), source, day("checked_on"), day("fees_paid_until"))


@rule("ST-EVENTS", source=_RULES_106, since="2024-01-20")
def fold(events: Iterable[Event]) -> Standing:
    """The status follows from the recorded events in the order of their days; no source, no status."""
    state, as_of, source = LegalState.UNKNOWN, None, None
    checked_on: date | None = None
    paid_until: date | None = None
    before_suspension = LegalState.IN_FORCE
    for event in sorted(events, key=lambda event: event.occurred_on):  # stable: recorded order within a day
        before = state
        match event.code:
            case EventCode.REGISTER_CHECKED:
                checked_on = event.occurred_on
                state = event.state or state
            case EventCode.ANNUAL_FEE_PAID:
                if state in (LegalState.FEE_GRACE_PERIOD, LegalState.UNKNOWN):
                    state = LegalState.IN_FORCE
            case EventCode.SUSPENSION_END:
                if state is LegalState.SUSPENDED:
                    state = before_suspension
            case code:
                state = AFTER[code]
        if state is LegalState.SUSPENDED and before not in (LegalState.SUSPENDED, LegalState.UNKNOWN):
            before_suspension = before
        if event.fees_paid_until:
            paid_until = event.fees_paid_until
        elif paid_until and event.occurred_on > paid_until and _says_paid(event):
            paid_until = None  # something was paid since that day, until when nobody has said
        as_of, source = event.occurred_on, event.source
    return Standing(state, as_of, source, checked_on, paid_until)


def _says_paid(event: Event) -> bool:
    """Whether an event shows that fees were in order on its day."""
    if event.code is EventCode.REGISTER_CHECKED:
        return event.state in (LegalState.IN_FORCE, LegalState.RESTORED, LegalState.PARTIALLY_INVALIDATED)
    return event.code in (EventCode.ANNUAL_FEE_PAID, EventCode.RESTORATION)


@rule("ST-GRACE", source=Text("Implementing Regulations rule 115", "专利法实施细则第一百一十五条"), since="2024-01-20")
def after_due_date(paid_until: date, today: date) -> LegalState:
    """Unpaid fees: six months of grace from the due date, then the right has ended."""
    if today <= paid_until:
        return LegalState.IN_FORCE
    months = paid_until.month + GRACE_MONTHS
    year, month = paid_until.year + (months - 1) // 12, (months - 1) % 12 + 1
    end = date(year, month, min(paid_until.day, monthrange(year, month)[1]))
    return LegalState.FEE_GRACE_PERIOD if today <= end else LegalState.LAPSED_UNPAID_FEE


def on(standing: Standing, patent_type: PatentType, filed_on: date | None, today: date, fresh_days: int) -> LegalStatus:
    """The legal status on a day: the standing, unless a term or a payment period has run out since."""
    state = standing.state
    if state in _OWES_FEES and standing.fees_paid_until:
        due = after_due_date(standing.fees_paid_until, today)
        state = state if due is LegalState.IN_FORCE else due
    if state in ALIVE and filed_on is not None and today > term_end(patent_type, filed_on):
        state = LegalState.EXPIRED
    checked = standing.checked_on
    fresh = checked is not None and timedelta(0) <= today - checked <= timedelta(days=fresh_days)
    return LegalStatus(
        state=state,
        as_of=standing.as_of,
        source=standing.source,
        freshness=Freshness.FRESH if fresh else Freshness.STALE,
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
