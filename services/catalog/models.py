"""Catalog's tables and the few queries used twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared import idempotency
from shared.db import Tx, as_json, metadata
from shared.feed import Feed

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
    Column("state", Text, nullable=False),  # fold of the listing's acts, see rules/listing.py
    Column("state_reason", Text),
    Column("published_at", DateTime(timezone=True)),
    Column("announced_on", Date),  # the legal day as of which the index was told of it
    Column("searched", Text, nullable=False),  # titles, holders, summary in lower case, for people's search
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_listing_state", "state", "published_at", "id"),
    Index("ix_listing_organization_id", "organization_id", "created_at", "id"),
)

listing_patent = Table(
    "listing_patent",
    meta,
    Column("listing_id", ForeignKey(listing.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    Column("patent_id", ForeignKey(patent.c.id), nullable=False, index=True),
)

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

import_job = Table(
    "import_job",
    meta,
    *_resource(),
    Column("file_name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default="PATENTS"),
    Column("document_ids", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("uscc", Text),  # of who imports: a named co-holder is known by it
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
)

mark = Table(
    "mark",
    meta,
    Column("name", Text, primary_key=True),  # what was done once: `sample`, `reference`
    Column("at", DateTime(timezone=True), nullable=False),
)


async def patents_of(tx: Tx, listing_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The patents of listings, in their order."""
    found = await tx.execute(
        select(listing_patent.c.listing_id, patent)
        .join(patent, patent.c.id == listing_patent.c.patent_id)
        .where(listing_patent.c.listing_id == func.any(list(listing_ids)))
        .order_by(listing_patent.c.listing_id, listing_patent.c.ordinal)
    )
    grouped: dict[str, list[Row[Any]]] = {id_: [] for id_ in listing_ids}
    for row in found:
        grouped[row.listing_id].append(row)
    return grouped


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
