"""Catalog's tables and the few queries used twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.elements import ColumnElement

from shared import idempotency
from shared.contracts.catalog import Act, Consent, ConsentRole, ImportState
from shared.db import Tx, as_json, metadata
from shared.feed import Feed
from shared.orders import Orders

meta = metadata("catalog")
feed = Feed(meta)
acts = idempotency.table(meta)


def _resource() -> list[Column[Any]]:
    return [
        Column("id", Text, primary_key=True),
        Column("organization_id", Text, nullable=False),
        Column("external_id", Text),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
    ]


def bigrams(words: Any) -> ColumnElement[Any]:
    """The pairs of neighbouring characters of a text, by which an index finds words in it.

    Chinese has no blanks between words, and PostgreSQL's own trigrams pass over words of two characters.
    """
    return func.catalog.bigrams(words, type_=ARRAY(Text))


def has_word(column: Any, word: str) -> ColumnElement[bool]:
    """Whether a word, in lower case, stands anywhere in a text that has an index of its `bigrams`."""
    stands = func.strpos(column, word) > 0
    return and_(bigrams(column).contains(bigrams(word)), stands) if len(word) > 1 else stands


patent = Table(
    "patent",
    meta,
    *_resource(),
    Column("application_number", Text, unique=True),
    Column("publication_number", Text, unique=True),
    Column("patent_type", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("abstract", Text),
    Column("claims", Text),
    Column("ipc", ARRAY(Text), nullable=False),
    Column("filing_date", Date),
    Column("grant_date", Date),
    Column("holders", JSONB, nullable=False),
    Column("inventors", JSONB, nullable=False),
    Column("region_code", Text),
    Column("standing", JSONB, nullable=False),  # fold of the legal events, see rules/status.py
    Column("is_sample", Boolean, nullable=False, server_default=text("false")),
    Column("keeper_uscc", Text),  # credit code of whoever keeps the record
    Column("row_digest", LargeBinary),  # of the imported row that says what the record holds …
    Column("row_version", Integer),  # … at this version of it
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_patent_holders", "holders", postgresql_using="gin", postgresql_ops={"holders": "jsonb_path_ops"}),
    Index("ix_patent_organization_id", "organization_id", "created_at", "id"),
)

legal_event = Table(
    "legal_event",
    meta,
    Column("id", Text, primary_key=True),
    Column("patent_id", ForeignKey(patent.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("code", Text, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("detail", JSONB),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
)

listing = Table(
    "listing",
    meta,
    *_resource(),
    Column("summary", Text),
    Column("problem_solved", Text),
    Column("application_scenes", ARRAY(Text), nullable=False),
    Column("advantages", Text),
    Column("economic_comparison", Text),
    Column("trl", SmallInteger),
    Column("modes", ARRAY(Text), nullable=False),
    Column("pricing", JSONB, nullable=False),
    Column("region_codes", ARRAY(Text), nullable=False),
    Column("industry_codes", ARRAY(Text), nullable=False),
    Column("support_offered", Text),
    Column("is_sample", Boolean, nullable=False, server_default=text("false")),
    Column("is_soe", Boolean, nullable=False, server_default=text("false")),  # a state-owned enterprise offers it
    Column("terms_version", Integer, nullable=False, server_default="1"),  # rises with modes and pricing
    Column("text_version", Integer, nullable=False, server_default="1"),  # rises with every change of what is shown
    Column("state", Text, nullable=False),  # fold of the listing's acts, see rules/listing.py
    Column("state_reason", Text),
    Column("published_at", DateTime(timezone=True)),
    Column("announced_on", Date),  # the legal day as of which the index was told of it
    Column("searched", Text, nullable=False),  # titles, holders, summary in lower case, for people's search
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_listing_state", "state", "published_at", "id"),
    Index("ix_listing_organization_id", "organization_id", "created_at", "id"),
    Index("ix_listing_words", text("catalog.bigrams(searched)"), postgresql_using="gin"),
)

listing_patent = Table(
    "listing_patent",
    meta,
    Column("listing_id", ForeignKey(listing.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    Column("patent_id", ForeignKey(patent.c.id), nullable=False, index=True),
)

# Orders that take the listings of a party off the market, as oversight's feed has told.
orders = Orders(meta)

listing_act = Table(
    "listing_act",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("listing_id", ForeignKey(listing.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("act", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)

listing_consent = Table(
    "listing_consent",
    meta,
    Column("id", Text, primary_key=True),
    Column("listing_id", ForeignKey(listing.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("party_uscc", Text),
    Column("terms_version", Integer, nullable=False),
    Column("given_on", Date, nullable=False),
    Column("revoked_on", Date),
    Column("source", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
)

secrecy_clearance = Table(
    "secrecy_clearance",
    meta,
    Column("id", Text, primary_key=True),
    Column("listing_id", ForeignKey(listing.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("text_version", Integer, nullable=False),
    Column("cleared_on", Date, nullable=False),
    Column("cleared_by", JSONB, nullable=False),
    Column("scope", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
)

patent_revision = Table(
    "patent_revision",
    meta,
    Column("patent_id", ForeignKey(patent.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),  # the version that this change ended
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("before", JSONB, nullable=False),
)

patent_merger = Table(
    "patent_merger",
    meta,
    Column("id", Text, primary_key=True),  # of the record that was folded in
    Column("patent_id", ForeignKey(patent.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("record", JSONB, nullable=False),  # as it stood
)

screening_run = Table(
    "screening_run",
    meta,
    *_resource(),
    Column("name", Text),
    Column("criteria", JSONB, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("of_all", Boolean, nullable=False),  # the operator's run: every organization's patents
    Column("state", Text, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("needs_versions", ARRAY(Text), nullable=False),
    Column("after", Text, nullable=False),  # the last patent that was judged
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_screening_run_state", "state", "created_at"),
    Index("ix_screening_run_organization_id", "organization_id", "created_at", "id"),
)

screening_result = Table(
    "screening_result",
    meta,
    Column("run_id", ForeignKey(screening_run.c.id, ondelete="CASCADE"), primary_key=True),
    Column("patent_id", ForeignKey(patent.c.id, ondelete="CASCADE"), primary_key=True),
    Column("tier", Text, nullable=False),
    Column("score", SmallInteger, nullable=False),  # tenths of a point; -1 for the excluded
    Column("needs", SmallInteger),
    Column("reasons", JSONB, nullable=False),
    Index("ix_screening_result_score", "run_id", "score", "patent_id"),
)

inventory_campaign = Table(
    "inventory_campaign",
    meta,
    *_resource(),
    Column("name", Text, nullable=False),
    Column("begins_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("ipc", ARRAY(Text), nullable=False),
    Column("patent_types", ARRAY(Text), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_inventory_campaign_organization_id", "organization_id", "created_at", "id"),
)

inventory_item = Table(
    "inventory_item",
    meta,
    Column("id", Text, primary_key=True),
    Column("campaign_id", ForeignKey(inventory_campaign.c.id, ondelete="CASCADE"), nullable=False),
    Column("patent_id", ForeignKey(patent.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("state", Text, nullable=False),  # fold of the item's acts, see rules/inventory.py
    Column("stars", SmallInteger),
    Column("trl", SmallInteger),
    Column("prospects", Text),
    Column("rated_by", Text),
    Column("self_stars", SmallInteger),
    Column("review_note", Text),
    Column("decision_note", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("campaign_id", "patent_id"),
)

inventory_act = Table(
    "inventory_act",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("item_id", ForeignKey(inventory_item.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("act", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)

import_job = Table(
    "import_job",
    meta,
    *_resource(),
    Column("file_name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default="PATENTS"),
    Column("document_ids", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("uscc", Text),  # of who imports: a named co-holder is known by it
    Column("is_soe", Boolean, nullable=False, server_default=text("false")),  # a state-owned enterprise imports
    Column("heads", JSONB),  # of the file, once it has been opened
    Column("mapping", JSONB, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("publish", Boolean, nullable=False),
    Column("is_operator", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("problem", JSONB),
    Column("rows", JSONB, nullable=False),
    Column("listings", JSONB, nullable=False),
    Column("done_rows", Integer, nullable=False),
    Index("ix_import_job_state", "state", "created_at"),
)

import_file = Table(
    "import_file",
    meta,
    Column("job_id", ForeignKey(import_job.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, server_default="0", autoincrement=False),
    Column("content", LargeBinary, nullable=False),  # a piece of the file: nobody holds all of it at once
)

import_reject = Table(
    "import_reject",
    meta,
    Column("job_id", ForeignKey(import_job.c.id, ondelete="CASCADE"), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("cells", JSONB, nullable=False),  # as they stood in the file, under the job's heads
)

import_error = Table(
    "import_error",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("job_id", ForeignKey(import_job.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("row", Integer, nullable=False),
    Column("column", Text),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", JSONB, nullable=False),
    Column("cure", JSONB),
)

reference = Table(
    "reference",
    meta,
    Column("name", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("zh", Text, nullable=False),
    Column("en", Text),
    Column("parent", Text),
    Column("valid_from", Date),  # both null where a code has always been in use
    Column("valid_until", Date),
    Column("successor", Text),
)

collection = Table(
    "collection",
    meta,
    *_resource(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("query", JSONB(none_as_null=True)),
    Column("include_listing_ids", ARRAY(Text), nullable=False),
    Column("include_patent_ids", ARRAY(Text), nullable=False),
    Column("exclude_listing_ids", ARRAY(Text), nullable=False),
    Column("exclude_patent_ids", ARRAY(Text), nullable=False),
    Column("visibility", Text, nullable=False),
    Column("organization_ids", ARRAY(Text), nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_collection_created_at", "created_at", "id"),
)

collection_follower = Table(
    "collection_follower",
    meta,
    Column("collection_id", ForeignKey(collection.c.id, ondelete="CASCADE"), primary_key=True),
    Column("organization_id", Text, primary_key=True, index=True),
    Column("since", DateTime(timezone=True), nullable=False),
)

collection_told = Table(  # the listings of followed collections that their followers know of
    "collection_told",
    meta,
    Column("collection_id", ForeignKey(collection.c.id, ondelete="CASCADE"), primary_key=True),
    Column("listing_id", Text, primary_key=True),
)

mark = Table(
    "mark",
    meta,
    Column("name", Text, primary_key=True),  # what was done once: `sample`, `reference`
    Column("at", DateTime(timezone=True), nullable=False),
)


async def restricted_among(tx: Tx, organization_ids: Iterable[str], today: date) -> set[str]:
    """The parties among these against which an order stands."""
    table = orders.table
    concerned = table.c.organization_id.in_(set(organization_ids))
    return set(await tx.scalars(select(table.c.organization_id).where(concerned, orders.stands(today))))


async def patents_of(
    tx: Tx, listing_ids: Sequence[str], names: Sequence[str] | None = None
) -> dict[str, list[Row[Any]]]:
    """The patents of listings, in their order: whole rows, or the columns named."""
    columns = patent.c if names is None else [patent.c[name] for name in names]
    found = await tx.execute(
        select(listing_patent.c.listing_id, *columns)
        .join(patent, patent.c.id == listing_patent.c.patent_id)
        .where(listing_patent.c.listing_id == func.any(list(listing_ids)))
        .order_by(listing_patent.c.listing_id, listing_patent.c.ordinal)
    )
    grouped: dict[str, list[Row[Any]]] = {id_: [] for id_ in listing_ids}
    for row in found:
        grouped[row.listing_id].append(row)
    return grouped


async def consents_to(tx: Tx, listing_ids: Sequence[str]) -> dict[str, list[Consent]]:
    """The consents that stand to the present terms of listings, each to all acts that the terms offer."""
    found = await tx.execute(
        select(listing_consent)
        .join(listing, listing.c.id == listing_consent.c.listing_id)
        .where(
            listing_consent.c.listing_id == func.any(list(listing_ids)),
            listing_consent.c.terms_version == listing.c.terms_version,
            listing_consent.c.revoked_on.is_(None),
        )
        .order_by(listing_consent.c.id)
    )
    grouped: dict[str, list[Consent]] = {id_: [] for id_ in listing_ids}
    for row in found:
        grouped[row.listing_id].append(
            Consent(
                id=row.id,
                role=ConsentRole(row.role),
                party=row.party,
                party_uscc=row.party_uscc,
                acts=list(Act),
                given_on=row.given_on,
            )
        )
    return grouped


def unfinished_imports() -> Select[Any]:
    """The jobs of imports that are not at their end."""
    return select(import_job).where(import_job.c.state.in_([ImportState.QUEUED, ImportState.RUNNING]))


async def known_numbers(tx: Tx, applications: Sequence[str], publications: Sequence[str]) -> Sequence[Row[Any]]:
    """Patents that already carry one of these numbers, locked against a second writer."""
    found = await tx.execute(
        select(patent)
        .where(
            or_(
                patent.c.application_number == func.any(list(applications)),
                patent.c.publication_number == func.any(list(publications)),
            )
        )
        .order_by(patent.c.id)
        .with_for_update()
    )
    return found.all()


async def merged_into(tx: Tx, ids: Sequence[str]) -> dict[str, list[str]]:
    """The ids that were folded into patents."""
    found: dict[str, list[str]] = {}
    merger = select(patent_merger.c.patent_id, patent_merger.c.id).where(patent_merger.c.patent_id == func.any(ids))
    for row in await tx.execute(merger.order_by(patent_merger.c.id)):
        found.setdefault(row.patent_id, []).append(row.id)
    return found


async def patents_known_as(tx: Tx, ids: Sequence[str], *, lock: bool = False) -> dict[str, Row[Any]]:
    """Patents by ids, those too that were folded into others; what there is not is left out."""
    merger = select(patent_merger.c.id, patent_merger.c.patent_id).where(patent_merger.c.id == func.any(list(ids)))
    now = {id_: id_ for id_ in ids} | {row.id: row.patent_id for row in await tx.execute(merger)}
    statement = select(patent).where(patent.c.id == func.any(sorted(set(now.values())))).order_by(patent.c.id)
    rows = {row.id: row for row in await tx.execute(statement.with_for_update() if lock else statement)}
    return {id_: rows[current] for id_, current in now.items() if current in rows}


async def overwrite_many(tx: Tx, table: Table, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write columns of many rows, found by `id`, in one statement; versions rise by one."""
    if not rows:
        return
    sets = ", ".join(f'"{name}" = new."{name}"' for name in names)
    statement = f"""
        UPDATE {table.fullname} AS old SET {sets}, version = old.version + 1
        FROM jsonb_populate_recordset(NULL::{table.fullname}, CAST(:rows AS jsonb)) AS new WHERE old.id = new.id
    """  # noqa: S608 - names of our own tables and columns
    await tx.execute(text(statement), {"rows": await asyncio.to_thread(as_json, rows)})


async def titles_of(tx: Tx, codes: Sequence[str]) -> dict[str, str]:
    """The Chinese titles of classification codes that the reference table holds."""
    found = await tx.execute(
        select(reference.c.code, reference.c.zh).where(
            reference.c.name == "ipc", reference.c.code == func.any(list(codes))
        )
    )
    return {row.code: row.zh for row in found}


async def rows_of(tx: Tx, table: str, codes: Sequence[str]) -> dict[str, Row[Any]]:
    """The rows of a reference table that these codes have."""
    found = await tx.execute(
        select(reference).where(reference.c.name == table, reference.c.code == func.any(list(codes)))
    )
    return {row.code: row for row in found}
