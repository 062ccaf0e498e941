"""Needs: a firm's technology needs, in versions. Their text stays with their owner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.matching import models, rules
from services.matching.settings import MatchingSettings
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.matching import Need, NeedDraft, NeedPatch, NeedState, Visibility
from shared.contracts.values import Money
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx, violated
from shared.errors import Conflict, NotFound, StaleVersion
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal

SHOWN_STATES = (NeedState.PUBLISHED, NeedState.MATCHED, NeedState.IN_NEGOTIATION)
TEXT = ("title", "description", "industry_code", "region_code", "budget", "constraints")

CURRENT = select(models.need, *(models.need_version.c[name] for name in TEXT)).join(
    models.need_version,
    and_(models.need_version.c.need_id == models.need.c.id, models.need_version.c.number == models.need.c.need_version),
)


class Said(NamedTuple):
    """What a need says, as far as a ranking listens."""

    title: str
    text: str
    industry_code: str | None

    @classmethod
    def by(cls, need: Need | Row[Any]) -> Said:
        """A need, or its row."""
        return cls(need.title, "\n".join([need.description, *need.constraints]), need.industry_code)


class Needs:
    """Use cases on needs."""

    def __init__(
        self, db: Database, settings: MatchingSettings, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._settings, self._acts, self._cursors, self._clock = db, settings, acts, cursors, clock

    async def draft(self, draft: NeedDraft, by: Caller) -> Need:
        """Record a need; nobody else learns of it before it is published."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            id_ = new_id("ned")
            values = {
                "id": id_,
                "organization_id": by.organization_id,
                "external_id": draft.external_id,
                "version": 1,
                "created_at": now,
                "updated_at": now,
                "visibility": draft.visibility,
                "need_version": 1,
                "state": NeedState.DRAFT,
            }
            try:
                await tx.execute(insert(models.need).values(values))
            except IntegrityError as error:
                raise _taken(error) from None
            text = {name: dump(draft)[name] for name in TEXT}
            await tx.execute(insert(models.need_version).values(need_id=id_, number=1, at=now, **text))
            return await self._acts.answer(tx, await self._loaded(tx, id_))

    async def _loaded(self, tx: Tx, id_: str) -> Need:
        row = (await tx.execute(CURRENT.where(models.need.c.id == id_))).one()
        return self._need(row)

    def _need(self, row: Row[Any]) -> Need:
        return Need(
            id=row.id,
            external_id=row.external_id,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            organization_id=row.organization_id,
            title=row.title,
            description=row.description,
            industry_code=row.industry_code,
            region_code=row.region_code,
            budget=Money.model_validate(row.budget) if row.budget else None,
            constraints=row.constraints,
            visibility=Visibility(row.visibility),
            need_version=row.need_version,
            state=rules.state_on(NeedState(row.state), row.expires_at, self._clock.now()),
            state_reason=row.state_reason,
            published_at=row.published_at,
            expires_at=row.expires_at,
        )

    async def get(self, id_: str, by: Caller) -> Need:
        """A need, for its owner only."""
        async with self._db.read() as tx:
            row = (await tx.execute(CURRENT.where(models.need.c.id == id_))).first()
        if row is None or row.organization_id != by.organization_id:
            raise _no_need()
        return self._need(row)

    async def visible(self, ids: Iterable[str], by: Caller) -> dict[str, Row[Any]]:
        """Those of some needs that a caller may see, with their present text, by id."""
        async with self._db.read() as tx:
            found = await tx.execute(CURRENT.where(models.need.c.id.in_(list(ids)), seen_by(by, self._clock.now())))
            return {row.id: row for row in found}

    async def owned(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(CURRENT.where(models.need.c.id == id_).with_for_update(of=models.need))).first()
        if row is None or row.organization_id != by.organization_id:
            raise _no_need()
        return row

    async def patch(self, id_: str, patch: NeedPatch, version: int, by: Caller) -> Need:
        """Change a need. Once it was published, a changed text is a new version of it."""
        now = self._clock.now()
        async with self._db.write() as tx:
            row = await self.owned(tx, id_, by)
            if row.version != version:
                raise StaleVersion(
                    f"the need is at version {row.version} now; read it again",
                    f"需求已更新至版本 {row.version}，请重新读取",
                )
            if no := rules.may_edit(NeedState(row.state)):
                raise no.raised()
            given = patch.model_dump(mode="json", exclude_unset=True)
            for name in ("title", "visibility"):
                if name in given and given[name] is None:
                    del given[name]
            text = {name: given.get(name, row._mapping[name]) for name in TEXT}
            text["description"], text["constraints"] = text["description"] or "", text["constraints"] or []
            number = row.need_version
            if text != {name: row._mapping[name] for name in TEXT}:
                if row.published_at is not None:
                    number += 1
                    await tx.execute(insert(models.need_version).values(need_id=id_, number=number, at=now, **text))
                else:
                    await tx.execute(
                        update(models.need_version)
                        .where(models.need_version.c.need_id == id_, models.need_version.c.number == number)
                        .values(**text, at=now)
                    )
            head = {name: given[name] for name in ("external_id", "visibility") if name in given}
            try:
                await tx.execute(
                    update(models.need)
                    .where(models.need.c.id == id_)
                    .values(**head, need_version=number, version=row.version + 1, updated_at=now)
                )
            except IntegrityError as error:
                raise _taken(error) from None
            answer = await self._loaded(tx, id_)
            if answer.state in (NeedState.PUBLISHED, NeedState.MATCHED):
                await models.feed.append(tx, [_fact("need.changed", answer, self._clock)])
            return answer

    async def act(self, id_: str, act: str, reason: str | None, by: Caller) -> Need:
        """Publish, pause or close a need.

        Raises: RuleRefused ND-STATE, when its state does not allow the act.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self.owned(tx, id_, by)
            state = rules.next_state(rules.state_on(NeedState(row.state), row.expires_at, now), act)
            if isinstance(state, Refusal):
                raise state.raised()
            values: dict[str, Any] = {"state": state, "state_reason": reason}
            if act == "publication":
                values["published_at"] = row.published_at or now
                values["expires_at"] = now + timedelta(days=self._settings.need_days)
            await tx.execute(
                insert(models.need_act).values(need_id=id_, act=act, reason=reason, at=now, by=by.client_id)
            )
            await tx.execute(
                update(models.need)
                .where(models.need.c.id == id_)
                .values(**values, version=row.version + 1, updated_at=now)
            )
            answer = await self._loaded(tx, id_)
            past = {"publication": "need.published", "pause": "need.paused", "closing": "need.closed"}[act]
            await models.feed.append(tx, [_fact(past, answer, self._clock)])
            return await self._acts.answer(tx, answer)

    async def interest(self, tx: Tx, row: Row[Any], by: Caller) -> None:
        """Somebody of the need's owner wants to hear more of a match: a published need is MATCHED by the first."""
        now = self._clock.now()
        if rules.state_on(NeedState(row.state), row.expires_at, now) is not NeedState.PUBLISHED:
            return
        await tx.execute(insert(models.need_act).values(need_id=row.id, act="interest", at=now, by=by.client_id))
        await tx.execute(
            update(models.need)
            .where(models.need.c.id == row.id)
            .values(state=NeedState.MATCHED, version=row.version + 1, updated_at=now)
        )
        await models.feed.append(tx, [_fact("need.matched", await self._loaded(tx, row.id), self._clock)])

    async def page(
        self,
        *,
        state: NeedState | None,
        external_id: str | None,
        after: str | None,
        limit: int,
        count: bool,
        by: Caller,
    ) -> Page[Need]:
        """The caller's needs, newest first."""
        table = models.need
        found: list[ColumnElement[bool]] = [table.c.organization_id == by.organization_id]
        if state is NeedState.EXPIRED:
            found += [table.c.state.in_(["PUBLISHED", "MATCHED"]), table.c.expires_at <= self._clock.now()]
        elif state:
            found.append(table.c.state == state)
            if state in (NeedState.PUBLISHED, NeedState.MATCHED):
                found.append(table.c.expires_at > self._clock.now())
        if external_id:
            found.append(table.c.external_id == external_id)
        condition = and_(*found)
        scope = ("needs", by.organization_id, state, external_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, CURRENT.where(condition), (table.c.created_at, table.c.id), scope, after, limit
            )
            total = (await tx.scalar(select(func.count()).select_from(table).where(condition))) if count else None
        return Page(
            items=[self._need(row) for row in rows],
            next=more,
            count=total,
        )


def seen_by(by: Caller | None, now: datetime) -> ColumnElement[bool]:
    """Needs that a caller may see: those published for everybody, and its own."""
    need = models.need.c
    is_open = or_(need.expires_at.is_(None), need.expires_at > now)
    is_shown = and_(need.state.in_(SHOWN_STATES), is_open, need.visibility != Visibility.INVITED)
    return is_shown if by is None else or_(is_shown, need.organization_id == by.organization_id)


def _no_need() -> NotFound:
    return NotFound("there is no such need", "没有该需求")


def _taken(error: IntegrityError) -> Conflict:
    if "organization_id" in violated(error):
        return Conflict(
            "another of your needs has this external_id", "您的另一条需求已使用该 external_id", code="external_id_taken"
        )
    raise error


def _fact(type_: str, need: Need, clock: Clock) -> dict[str, Any]:
    """Ids and states only: the text of a need never leaves by the feed."""
    data = dump(need) | {"state": rules.lasting(need.state).value}
    kept = {name: data[name] for name in ("need_version", "state", "visibility", "expires_at")}
    return change(type_, need.id, need.organization_id, clock.now(), kept)
