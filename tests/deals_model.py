"""The deals of one patent as the law has them, without a database: what the walks over the real surface are compared with.

Every act is asked whether it is allowed (`None`: either, because what catalog has heard by now decides) and then done.
Money is whole fen, names are those that the caller gave. A model is copied where nobody knows whether an act was done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from services.licensing.rules.periods import ends_after_days, months_after
from services.licensing.service.calendar import shipped_days

LIVE, OPEN = ("FILED", "ANNOUNCED", "WITHDRAWAL_FILED"), ("ANNOUNCED", "WITHDRAWAL_FILED")
MONTHS, TRIAL_MONTHS, QUICK_MONTHS, PAY_DAYS, SIGN_DAYS = 36, 6, 9, 30, 30
TO_OF = {"filing": "DECLARATION", "withdrawal": "WITHDRAWAL"}
STEPS = {  # act → (from, to)
    "filing": (("DRAFT", "CONSENTED"), "FILED"),
    "announcement": (("FILED",), "ANNOUNCED"),
    "non-announcement": (("FILED",), "NOT_ANNOUNCED"),
    "withdrawal": (("ANNOUNCED",), "WITHDRAWAL_FILED"),
    "withdrawal-announcement": (("WITHDRAWAL_FILED",), "WITHDRAWN"),
}


@dataclass
class License:
    """Something that is granted, or waits for its signatures (`sign_by`)."""

    type: str
    first: date
    last: date
    kept: date  # until when its scope is kept: of a trial longer than it lasts
    sign_by: date | None = None
    signed: frozenset[str] = frozenset()
    ending: frozenset[str] = frozenset()
    terminated: date | None = None

    def is_lapsed(self, today: date) -> bool:
        return today > self.last if self.sign_by is None else today > self.sign_by

    def state(self, today: date) -> str:
        if self.sign_by is not None:
            return "NOT_CONCLUDED" if today > self.sign_by else "PENDING_SIGNATURES"
        if self.terminated is not None:
            return "TERMINATED"
        return "EXPIRED" if today > self.last else "SIGNED" if today < self.first else "IN_FORCE"

    def meets(self, first: date, last: date, today: date) -> bool:
        end = self.kept if self.terminated is None else self.terminated - timedelta(days=1)
        return not self.is_lapsed(today) and self.first <= last and first <= end and self.first <= end


@dataclass
class Request:
    """A notice: what is due, and what was paid: reference → [fen, day, state]."""

    declaration: str
    firm: str
    due: int
    delivered: date
    pay_by: date
    paid: dict[str, tuple[int, date, str]] = field(default_factory=dict)
    is_cancelled: bool = False

    def effective(self) -> date | None:
        if not self.due:
            return self.delivered
        sum_ = 0
        for fen, on, state in sorted(self.paid.values(), key=lambda one: one[1]):
            if state == "SETTLED" and on <= self.pay_by:
                sum_ += fen
                if sum_ >= self.due:
                    return max(on, self.delivered)
        return None

    def settled(self) -> int:
        return sum(fen for fen, _, state in self.paid.values() if state == "SETTLED")

    def waits(self, today: date) -> str:
        """Its state, until there is a license."""
        if self.is_cancelled:
            return "CANCELLED"
        if any(state in ("REPORTED", "CONTESTED") for _, _, state in self.paid.values()):
            return "PAYMENT_REPORTED"
        return "PAYMENT_LAPSED" if today > self.pay_by else "NOTIFIED"


@dataclass
class Model:
    """One patent, its university, some firms."""

    expiry: date
    declarations: dict[str, tuple[str, int]] = field(default_factory=dict)  # name → (state, fen)
    requests: dict[str, Request] = field(default_factory=dict)
    offers: dict[str, tuple[str, str, date, date, date, str]] = field(default_factory=dict)
    licenses: dict[str, License] = field(default_factory=dict)  # by the name of what made it
    trials: dict[str, tuple[date, bool]] = field(default_factory=dict)  # last day of the trial, whether converted
    restricted: frozenset[str] = frozenset()  # firms, and "university"
    is_co_owned: bool = False
    consents: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)  # declaration → (to, whether it stands)
    license_consents: list[bool] = field(default_factory=list)  # of the other owner to sole and exclusive licenses
    catalog_may_lag: bool = False

    # What is asked before anything is done

    def alone(self) -> list[License]:
        return [one for one in self.licenses.values() if one.type != "ORDINARY"]

    def live(self) -> bool:
        return any(state in LIVE for state, _ in self.declarations.values())

    def barred(self, *parties: str) -> bool:
        """I-12: an order stands against one of them."""
        return not self.restricted.isdisjoint(parties)

    def yes(self) -> bool | None:
        """Allowed here; where something has ended that catalog may still have on its record, it may yet refuse."""
        return None if self.catalog_may_lag else True

    def owners_agree(self, name: str, to: str) -> bool:
        """I-8: to a declaration, or to its withdrawal."""
        return not self.is_co_owned or (to, True) in self.consents[name]

    def owners_license(self, type_: str) -> bool:
        """I-8: an ordinary license each owner grants alone, every other all together."""
        return not self.is_co_owned or type_ == "ORDINARY" or any(self.license_consents)

    def drafted(self, name: str) -> str:
        return "CONSENTED" if self.owners_agree(name, "DECLARATION") else "DRAFT"

    def declare(self, name: str, fen: int) -> None:
        self.consents[name] = []
        self.declarations[name] = (self.drafted(name), fen)

    def is_old(self, today: date) -> bool:
        """I-6: the patent has reached the end of its term."""
        return today > self.expiry

    def declared(self, name: str, today: date) -> str:
        """The state of a declaration: one that is open ends with its patent."""
        state = self.declarations[name][0]
        return "ENDED" if state in OPEN and self.is_old(today) else state

    def may_consent(self, name: str, to: str, today: date) -> bool:
        state = self.declared(name, today)
        return state in ("DRAFT", "CONSENTED") if to == "DECLARATION" else state == "ANNOUNCED"

    def consent(self, name: str, to: str) -> None:
        self.consents[name].append((to, True))
        self._redraft(name, to)

    def may_take_back(self, name: str, at: int, today: date) -> bool:
        to, stands = self.consents[name][at]
        return stands and self.may_consent(name, to, today)

    def take_back(self, name: str, to: str) -> None:
        self.consents[name] = [(one, stands and one != to) for one, stands in self.consents[name]]
        self._redraft(name, to)

    def _redraft(self, name: str, to: str) -> None:
        if to == "DECLARATION":
            self.declarations[name] = (self.drafted(name), self.declarations[name][1])

    def may_step(self, name: str, act: str, today: date) -> bool | None:
        if self.declared(name, today) not in STEPS[act][0] or (act == "filing" and self.is_old(today)):
            return False
        if act in ("filing", "withdrawal") and not self.owners_agree(name, TO_OF[act]):
            return False
        if act != "filing":
            return True
        if self.live() or any(one.meets(today, date.max, today) for one in self.alone()):
            return False
        return False if self.barred("university") else self.yes()

    def step(self, name: str, act: str) -> None:
        self.declarations[name] = (STEPS[act][1], self.declarations[name][1])
        self.catalog_may_lag |= act == "withdrawal-announcement"

    def may_notify(self, declaration: str, firm: str, today: date) -> bool | None:
        is_open = self.declared(declaration, today) in OPEN and not self.barred(firm, "university")
        return self.yes() if is_open else False

    def notify(self, name: str, declaration: str, firm: str, today: date) -> None:
        due = self.declarations[declaration][1]
        pay_by = min(ends_after_days(today, PAY_DAYS, shipped_days()), self.expiry)
        self.requests[name] = Request(declaration, firm, due, today, pay_by)
        self._effect(name)

    def may_pay(self, name: str, reference: str, today: date) -> bool:
        one = self.requests[name]
        is_open = name not in self.licenses and one.waits(today) in ("NOTIFIED", "PAYMENT_REPORTED", "PAYMENT_LAPSED")
        return is_open and reference not in one.paid and today <= one.pay_by

    def pay(self, name: str, reference: str, fen: int, today: date) -> None:
        self.requests[name].paid[reference] = (fen, today, "REPORTED")

    def may_clear(self, name: str, reference: str, act: str) -> bool:
        wanted = {"confirmation": ("REPORTED", "CONTESTED"), "contest": ("REPORTED",), "resolution": ("CONTESTED",)}
        return self.requests[name].paid[reference][2] in wanted[act]

    def clear(self, name: str, reference: str, state: str) -> None:
        fen, on, _ = self.requests[name].paid[reference]
        self.requests[name].paid[reference] = (fen, on, state)
        self._effect(name)

    def _effect(self, name: str) -> None:
        on = self.requests[name].effective()
        if on is not None and name not in self.licenses:
            last = min(months_after(on, MONTHS) - timedelta(days=1), self.expiry)
            self.licenses[name] = License("ORDINARY", on, last, last)

    def may_cancel(self, name: str, today: date) -> bool:
        return name not in self.licenses and self.requests[name].waits(today) == "NOTIFIED"

    def may_accept(self, name: str, today: date) -> bool | None:
        type_, firm, first, last, until, state = self.offers[name]
        if self.barred(firm, "university") or state != "SENT" or today > until:
            return False
        if not self._is_free(type_, first, last, today) or not self.owners_license(type_):
            return False
        return self.yes() if type_ == "ORDINARY" or not self.declarations else None

    def _is_free(self, type_: str, first: date, last: date, today: date) -> bool:
        rivals = [one for one in self.licenses.values() if one.meets(first, last, today)]
        if type_ == "ORDINARY":
            return all(one.type == "ORDINARY" for one in rivals)
        waiting = [one for name, one in self.requests.items() if name not in self.licenses]
        is_pending = any(one.waits(today) in ("NOTIFIED", "PAYMENT_REPORTED") for one in waiting)
        return not rivals and not self.live() and not is_pending

    def accept(self, name: str, today: date) -> None:
        type_, firm, first, last, until, _ = self.offers[name]
        self.offers[name] = (type_, firm, first, last, until, "ACCEPTED")
        self.licenses[name] = License(type_, first, last, last, sign_by=today + timedelta(days=SIGN_DAYS))

    def may_sign(self, name: str, side: str, today: date) -> bool | None:
        one = self.licenses[name]
        if self.barred(self.offers[name][1], "university") or not self.owners_license(one.type):
            return False
        return self.yes() if one.state(today) == "PENDING_SIGNATURES" and side not in one.signed else False

    def sign(self, name: str, side: str) -> None:
        one = self.licenses[name]
        one.signed |= {side}
        if len(one.signed) == 2:
            one.sign_by = None

    def may_end(self, name: str, today: date) -> bool:
        return self.licenses[name].state(today) in ("SIGNED", "IN_FORCE")

    def end(self, name: str, side: str, today: date) -> None:
        one = self.licenses[name]
        one.ending |= {side}
        if len(one.ending) == 2:
            one.terminated = today
            self.catalog_may_lag = True

    def may_try(self, firm: str, today: date) -> bool | None:
        if self.barred(firm, "university") or months_after(today, TRIAL_MONTHS) - timedelta(days=1) > self.expiry:
            return False
        last = min(months_after(today, QUICK_MONTHS) - timedelta(days=1), self.expiry)
        return self.yes() if self._is_free("ORDINARY", today, last, today) else False

    def try_(self, name: str, today: date) -> None:
        last = months_after(today, TRIAL_MONTHS) - timedelta(days=1)
        kept = min(months_after(today, QUICK_MONTHS) - timedelta(days=1), self.expiry)
        self.trials[name], self.licenses[name] = (last, False), License("ORDINARY", today, last, kept)

    def may_decide(self, name: str, act: str, firm: str, today: date) -> bool:
        is_barred = act == "conversion" and self.barred(firm, "university")
        return self.trial_state(name, today) == "TRIAL" and not is_barred

    def convert(self, name: str) -> None:
        self.trials[name] = (self.trials[name][0], True)
        self.licenses[name].last = self.licenses[name].kept

    def trial_state(self, name: str, today: date) -> str:
        (last, is_converted), one = self.trials[name], self.licenses[name]
        if one.terminated is not None:
            return "TERMINATED"
        if not is_converted:
            return "TRIAL" if today <= last else "ENDED_WITHOUT_CONVERSION"
        return "EXPIRED" if today > one.last else "CONVERTED" if today <= last else "IN_FORCE"

    # What is seen of it

    def seen(self, today: date) -> dict[str, object]:
        """Everything that both sides can read, by name."""
        found: dict[str, object] = {name: self.declared(name, today) for name in self.declarations}
        found |= {f"consents to {name}": list(given) for name, given in self.consents.items()}
        found["consents to licenses"] = list(self.license_consents)
        for name, one in self.requests.items():
            held = self.licenses.get(name)
            state = one.waits(today)
            if held is not None:
                state = "EFFECTIVE" if held.state(today) == "IN_FORCE" else held.state(today)
            arrived = one.settled()
            owed = 0 if state == "PAYMENT_LAPSED" else one.due
            payments = {reference: (fen, state) for reference, (fen, _, state) in one.paid.items()}
            found[name] = (state, one.due, arrived, max(0, arrived - owed), payments, str(one.pay_by))
        for name in self.trials:
            found[name] = self.trial_state(name, today)
        for name, held in self.licenses.items():
            found[f"license of {name}"] = (held.type, held.state(today), str(held.first), str(held.last))
        return found
