"""Matching's tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    Column("classes", ARRAY(Text)),  # IPC subclasses that the text leans to; null until somebody has looked
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_need_version_unread", "need_id", postgresql_where=text("classes IS NULL")),
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

# All words on matches, with the signals as they were then: what a re-ranker is learned from.
feedback = Table(
    "feedback",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("need_id", ForeignKey(need.c.id, ondelete="CASCADE"), nullable=False),
    Column("need_version", Integer, nullable=False),
    Column("listing_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason_code", Text),
    Column("note", Text),
    Column("index_version", Text, nullable=False),
    Column("signals", JSONB, nullable=False),
    Column("fit", Double, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_feedback_need_id", "need_id", "at", "id"),
)

match_run = Table(
    "match_run",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("external_id", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("asked", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("index_versions", JSONB, nullable=False),
    Column("after", Text, nullable=False),  # the last need that was ranked: moves with the results
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_match_run_organization_id", "organization_id", "created_at", "id"),
)

match_result = Table(
    "match_result",
    meta,
    Column("run_id", ForeignKey(match_run.c.id, ondelete="CASCADE"), primary_key=True),
    Column("need_id", Text, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("need_version", Integer, nullable=False),
    Column("listing_id", Text, nullable=False),
    Column("score", Double, nullable=False),
    Column("fit", Double, nullable=False),
    Column("ranked_by", SmallInteger, nullable=False),  # which of the run's index_versions
    Index("ix_match_result_listing_id", "run_id", "listing_id"),
)

subscription = Table(
    "subscription",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("external_id", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("need_id", ForeignKey(need.c.id, ondelete="CASCADE")),
    Column("listing_id", Text),
    Column("fit_at_least", Double, nullable=False),
    Column("digest", Text, nullable=False),
    Column("digest_at", Text, nullable=False),
    Column("quiet_from", Text),
    Column("quiet_to", Text),
    UniqueConstraint("organization_id", "external_id"),
    UniqueConstraint("organization_id", "need_id"),
    UniqueConstraint("organization_id", "listing_id"),
    CheckConstraint("(need_id IS NULL) <> (listing_id IS NULL)", name="one_subject"),
    Index("ix_subscription_need_id", "need_id"),
)

delivery = Table(
    "delivery",
    meta,
    Column("id", Text, primary_key=True),
    Column("subscription_id", ForeignKey(subscription.c.id, ondelete="CASCADE"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_delivery_subscription_id", "subscription_id", "at", "id"),
)

# Each pair is found once for a subscription, whatever happens to it later: no repeats.
finding = Table(
    "finding",
    meta,
    Column("subscription_id", ForeignKey(subscription.c.id, ondelete="CASCADE"), primary_key=True),
    Column("need_id", Text, primary_key=True),
    Column("listing_id", Text, primary_key=True),
    Column("fit", Double, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("settled", Text),  # DELIVERED, or GONE when one of the two was no longer there
    Column("delivery_id", ForeignKey(delivery.c.id, ondelete="CASCADE")),
    Index("ix_finding_due_at", "due_at", postgresql_where=text("settled IS NULL")),
    Index("ix_finding_delivery_id", "delivery_id"),
)

# What the operator changed in the vocabulary that ships; an empty list of technical words takes an entry out.
vocabulary = Table(
    "vocabulary",
    meta,
    Column("lay", Text, primary_key=True),
    Column("technical", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)

ranking_model = Table(
    "ranking_model",
    meta,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("learned", JSONB, nullable=False),
    Column("trained_on", Text, nullable=False, unique=True),
    Column("activated_at", DateTime(timezone=True)),
    Index("uq_ranking_model_active", "state", unique=True, postgresql_where=text("state = 'ACTIVE'")),
)
