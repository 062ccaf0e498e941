"""Oversight's tables. An order, its lifting, an appeal and its decision are each written once and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared import idempotency
from shared.db import Tx, metadata
from shared.feed import Feed

meta = metadata("oversight")
feed = Feed(meta)
acts = idempotency.table(meta)

restriction = Table(
    "restriction",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),  # against whom
    Column("organization_name", Text, nullable=False),
    Column("external_id", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("ordered_by", Text, nullable=False),  # the operator's organization
    Column("ordered_through", Text, nullable=False),  # and its client
    Column("kind", Text, nullable=False),
    Column("basis", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date),
    Column("lifted_at", DateTime(timezone=True)),
    Column("lifted_through", Text),
    Column("lifting", JSONB),
    UniqueConstraint("ordered_by", "external_id"),
    Index("ix_restriction_created_at", "created_at", "id"),
    Index("ix_restriction_organization_id", "organization_id", "created_at", "id"),
)

appeal = Table(
    "appeal",
    meta,
    Column("id", Text, primary_key=True),
    Column("restriction_id", Text, ForeignKey("oversight.restriction.id"), nullable=False),
    Column("grounds", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("decision", JSONB),
    Index("ix_appeal_restriction_id", "restriction_id", "at", "id"),
    # One at a time: RESTRICT-APPEAL.
    Index("uq_appeal_pending", "restriction_id", unique=True, postgresql_where=text("decided_at IS NULL")),
)


async def appeals_of(tx: Tx, restriction_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The appeals against some orders, oldest first."""
    found: dict[str, list[Row[Any]]] = {id_: [] for id_ in restriction_ids}
    if found:
        statement = select(appeal).where(appeal.c.restriction_id.in_(found)).order_by(appeal.c.at, appeal.c.id)
        for row in await tx.execute(statement):
            found[row.restriction_id].append(row)
    return found
