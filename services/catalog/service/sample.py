"""The sample: fictitious patents of fictitious universities, loaded once, taken out on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select

from services.catalog import models, rules
from services.catalog.rules.eligibility import ACT_OF_MODE
from services.catalog.rules.intake import consistency
from services.catalog.service.events import event_of, event_values, new_event
from services.catalog.service.listings import Listings, refusals
from services.catalog.service.patents import announcements, columns
from services.catalog.service.reference import done_before
from services.catalog.service.targets import target_of
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    Act,
    ConsentRole,
    EventCode,
    EventDetail,
    EventSource,
    LegalEventDraft,
    LegalState,
    LicenseMode,
    ListingDraft,
    ListingState,
    PatentDraft,
    Removed,
)
from shared.db import Database, Tx
from shared.feed import change
from shared.ids import new_id

FOLDER = Path(__file__).parent.parent / "sample"
UNIVERSITY = "云泽理工大学（虚构）"
REGIONS = {
    UNIVERSITY: "3701", "北岭农业大学（虚构）": "4101", "江晖工业大学（虚构）": "3202", "海屿大学（虚构）": "3302",
    "秦川科技大学（虚构）": "6101", "南麓林业大学（虚构）": "4301", "松辽化工学院（虚构）": "2102",
    "西渡交通大学（虚构）": "5101", "岭南纺织学院（虚构）": "4406", "河洛食品学院（虚构）": "4103",
    "东川医科大学（虚构）": "5107", "饶州陶瓷大学（虚构）": "3602", "青屿海洋大学（虚构）": "3702",
    "中原轻工大学（虚构）": "4115", "齐鲁机械研究院（虚构）": "3703", "太湖水环境研究所（虚构）": "3205",
}  # fmt: skip

_EVENT = {
    LegalState.SUSPENDED: EventCode.SUSPENSION,
    LegalState.LAPSED_UNPAID_FEE: EventCode.LAPSE,
    LegalState.ABANDONED: EventCode.ABANDONMENT,
    LegalState.PARTIALLY_INVALIDATED: EventCode.PARTIAL_INVALIDATION,
    LegalState.INVALIDATED: EventCode.INVALIDATION,
    LegalState.REFUSED: EventCode.REFUSAL,
    LegalState.WITHDRAWN: EventCode.APPLICATION_WITHDRAWAL,
}
_LOOKED_AT = frozenset({LegalState.IN_FORCE, LegalState.PENDING, LegalState.FEE_GRACE_PERIOD, LegalState.RESTORED})


def entries() -> Iterator[dict[str, Any]]:
    """All entries of the sample, as they were written."""
    for path in sorted(FOLDER.glob("*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def draft_of(entry: dict[str, Any], organization_id: str | None) -> PatentDraft:
    """An entry as a patent; its first holder is the demo university where the name is that one's."""
    others = entry.get("co_holders") or []
    first = {"name": entry["holder"], "share": str(100 - sum(c["share"] for c in others)) if others else None}
    if entry["holder"] == UNIVERSITY:
        first["organization_id"] = organization_id
    fields = ("application_number", "publication_number", "patent_type", "title", "abstract", "claims", "ipc")
    return PatentDraft.model_validate(
        {
            **{name: entry[name] for name in fields},
            "external_id": entry["key"],
            "filing_date": date.fromisoformat(entry["filing_date"]),
            "grant_date": entry["grant_date"] and date.fromisoformat(entry["grant_date"]),
            "holders": [first, *({"name": c["name"], "share": str(c["share"])} for c in others)],
            "inventors": [{"name": name} for name in entry["inventors"]],
            "region_code": REGIONS[entry["holder"]],
        }
    )


def events_of(entry: dict[str, Any], today: date) -> list[LegalEventDraft]:
    """The legal events behind an entry's state; the register was looked at today where it says so."""
    state = LegalState(entry["legal"])
    if state is LegalState.UNKNOWN:
        return []
    found: list[tuple[EventCode, str, EventDetail | None]] = []
    if entry["grant_date"]:
        found.append((EventCode.GRANT, entry["grant_date"], None))
    if state is LegalState.RESTORED:
        lapsed = date.fromisoformat(entry["legal_on"]).replace(day=1)
        found.append((EventCode.LAPSE, lapsed.isoformat(), None))
        found.append((EventCode.RESTORATION, entry["legal_on"], None))
    elif code := _EVENT.get(state):
        found.append((code, entry["legal_on"], None))
    if state in _LOOKED_AT:
        found.append((EventCode.REGISTER_CHECKED, today.isoformat(), EventDetail(state=state)))
    acts = [act for mode in (entry["listing"] or {}).get("modes", ()) if (act := ACT_OF_MODE.get(LicenseMode(mode)))]
    wanted: list[Act] = [act for act in acts if act is not Act.ORDINARY_LICENSE]
    if wanted:
        for owner in entry.get("co_holders") or []:
            consent = EventDetail(role=ConsentRole.CO_OWNER, party=owner["name"], acts=wanted)
            found.append((EventCode.CONSENT, entry["grant_date"] or today.isoformat(), consent))
    return [
        LegalEventDraft(code=code, occurred_on=date.fromisoformat(on), source=EventSource.REGISTER, detail=detail)
        for code, on, detail in found
    ]


class Sample:
    """Puts the sample in and takes it out."""

    def __init__(self, db: Database, listings: Listings, clock: Clock) -> None:
        self._db, self._listings, self._clock = db, listings, clock

    async def load(self, university_id: str, custodian_id: str) -> int:
        """Load and list the sample on the first start; answers how many listings were published.

        The demo university keeps its own patents; the demo operations institution keeps the others'.
        """
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            if await done_before(tx, "sample", self._clock):
                return 0
            values, offers, created = [], {}, {}
            recorded: list[dict[str, Any]] = []
            for entry in entries():
                draft = draft_of(entry, university_id)
                assert not consistency(draft), entry["key"]
                id_ = new_id("pat")
                events = [new_event(id_, event, "sample", now) for event in events_of(entry, today)]
                owner = university_id if entry["holder"] == UNIVERSITY else custodian_id
                values.append(
                    {
                        **columns(draft), "id": id_, "organization_id": owner, "created_at": now, "updated_at": now,
                        "version": 1, "is_sample": True,
                        "standing": rules.status.fold(map(event_of, events)).stored(),
                    }
                )  # fmt: skip
                recorded += map(event_values, events)
                created[id_] = (owner, draft)
                if entry["listing"]:
                    offers[id_] = ListingDraft.model_validate(
                        {
                            **entry["listing"],
                            "patent_ids": [id_],
                            "external_id": entry["key"],
                            "region_codes": [REGIONS[entry["holder"]]],
                        }
                    )
            await tx.execute(insert(models.patent), values)
            await tx.execute(insert(models.legal_event), recorded)
            for owner in (university_id, custodian_id):
                mine = [
                    (id_, draft.application_number or draft.publication_number)
                    for id_, (keeper, draft) in created.items()
                    if keeper == owner
                ]
                await models.feed.append(tx, announcements(mine, owner, now))
            return await self._publish(tx, offers, now)

    async def _publish(self, tx: Tx, offers: dict[str, ListingDraft], now: datetime) -> int:
        found = await tx.execute(select(models.patent).where(models.patent.c.id.in_(list(offers))))
        rows = {row.id: row for row in found}
        drafts = [
            (draft, [rows[id_]], rows[id_].organization_id)
            for id_, draft in offers.items()
            if not refusals([target_of(rows[id_], legal_day(now))], draft.modes, legal_day(now))
        ]
        ids = await self._listings.insert(tx, drafts, ListingState.PUBLISHED, None, now)
        await self._listings.announce(tx, ids, "listing.published", now)
        return len(ids)

    async def remove(self) -> Removed:
        """Take the sample out, listings first, so that the index drops them; it does not come back."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await done_before(tx, "sample", self._clock)
            listings = (
                await tx.execute(
                    select(models.listing.c.id, models.listing.c.version, models.listing.c.state)
                    .where(models.listing.c.is_sample)
                    .order_by(models.listing.c.id)
                    .with_for_update()
                )
            ).all()
            await tx.execute(delete(models.listing).where(models.listing.c.is_sample))
            gone = await tx.execute(delete(models.patent).where(models.patent.c.is_sample))
            await models.feed.append(
                tx,
                [
                    *(
                        change(
                            "listing.withdrawn", row.id, "public", now, {"version": row.version + 1, "reason": "SAMPLE"}
                        )
                        for row in listings
                        if row.state == ListingState.PUBLISHED
                    ),
                    change("sample.removed", "sample", "services", now, {}),  # and its deals go too
                ],
            )
            return Removed(listings=len(listings), patents=gone.rowcount)
