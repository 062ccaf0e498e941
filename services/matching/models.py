"""Matching's tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared import idempotency
from shared.db import metadata
from shared.feed import Feed

meta = metadata("matching")
feed = Feed(meta)
acts = idempotency.table(meta)

need = Table(
    "need",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("external_id", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("visibility", Text, nullable=False),
    Column("need_version", Integer, nullable=False),
    Column("state", Text, nullable=False),  # fold of the need's acts, see rules.py
    Column("state_reason", Text),
    Column("published_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_need_organization_id", "organization_id", "created_at", "id"),
)

# The texts of a need, one row a version: old rankings go on meaning the text they were made for.
need_version = Table(
    "need_version",
    meta,
    Column("need_id", ForeignKey(need.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("industry_code", Text),
    Column("region_code", Text),
    Column("budget", JSONB),
    Column("constraints", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

need_act = Table(
    "need_act",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("need_id", ForeignKey(need.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("act", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)
