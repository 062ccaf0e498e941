"""Figures as data: what ships in a file, and what the operator entered since, each from a day on."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources

from sqlalchemy import insert, select

from services.licensing import models
from services.licensing.rules import policies as rules
from services.licensing.rules.policies import Figure, Policies
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.payments import Policy, PolicyDraft, PolicyName
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import InvalidInput
from shared.feed import change
from shared.idempotency import Idempotency


class PolicyBook:
    """Use cases on figures. A new one counts for acts from its day on; what was fixed before stays."""

    def __init__(self, db: Database, acts: Idempotency, clock: Clock) -> None:
        self._db, self._acts, self._clock = db, acts, clock

    async def page(self, name: PolicyName | None) -> Page[Policy]:
        """All figures, past and coming ones too, in the order of their days."""
        async with self._db.read() as tx:
            figures = await _known(tx)
        today = legal_day(self._clock.now())
        found = [one for one in figures if name in (None, one.name)]
        found.sort(key=lambda one: (one.name, one.valid_from))
        return Page(items=[_shown(one, figures, today) for one in found])

    async def add(self, draft: PolicyDraft, by: Caller) -> Policy:
        """Enter a figure from a day on. Raises: InvalidInput POLICY-FORM."""
        if no := rules.has_form(draft.name, draft.value):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
        now = self._clock.now()
        figure = Figure(draft.name, draft.value, draft.valid_from, draft.source)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            await tx.execute(insert(models.policy).values(figure._asdict()))
            data = {"value": figure.value, "valid_from": figure.valid_from.isoformat(), "source": figure.source}
            act = {
                "subject": figure.name.value, "act": "policy_entered", "on": legal_day(now), "at": now,
                "by": by.client_id, "organization_id": by.organization_id, "detail": data,
            }  # fmt: skip
            await tx.execute(insert(models.act).values(act))
            answer = _shown(figure, await _known(tx), legal_day(now))
            await models.feed.append(tx, [change("policy.changed", figure.name.value, "public", now, {**data})])
            return await self._acts.answer(tx, answer)


async def policies_on(tx: Tx, day: date) -> Policies:
    """The figures that count on a day, on every replica."""
    return rules.on(await _known(tx), day)


async def _known(tx: Tx) -> list[Figure]:
    table = models.policy
    found = await tx.execute(select(*(table.c[name] for name in Figure._fields)).order_by(table.c.position))
    return [*shipped_figures(), *(Figure(PolicyName(row.name), row.value, row.valid_from, row.source) for row in found)]


@cache
def shipped_figures() -> tuple[Figure, ...]:
    """policies.tsv: name, the day from which on it counts, value, source."""
    text = (resources.files(__package__) / "policies.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return tuple(Figure(PolicyName(name), value, date.fromisoformat(day), source) for name, day, value, source in rows)


def _shown(one: Figure, figures: list[Figure], today: date) -> Policy:
    counts = rules.counting(figures, today)[one.name] == one
    state = "CURRENT" if counts else "COMING" if one.valid_from > today else "PAST"
    return Policy.model_validate({**one._asdict(), "state": state})
