"""Gateway's tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared import idempotency
from shared.db import metadata
from shared.feed import Feed

meta = metadata("gateway")
feed = Feed(meta)
acts = idempotency.table(meta)


def _resource() -> list[Column[Any]]:
    return [
        Column("id", Text, primary_key=True),
        Column("external_id", Text),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
    ]


organization = Table(
    "organization",
    meta,
    *_resource(),
    Column("uscc", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("state_owned", Boolean, nullable=False),
    Column("parent_id", ForeignKey("gateway.organization.id")),
    Column("region_code", Text),
    Column("industry_code", Text),
    Column("staff_count", Integer),
    Column("annual_revenue", JSONB),
    Column("contacts", JSONB, nullable=False),
    Column("verification", Text, nullable=False),
    Column("is_sample", Boolean, nullable=False, server_default=text("false")),
    Column("registered_by", Text, nullable=False),  # organization that brought it in
    UniqueConstraint("registered_by", "external_id"),
    Index("ix_organization_created_at", "created_at", "id"),
)

verification = Table(
    "verification",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("organization_id", ForeignKey(organization.c.id), nullable=False, index=True),
    Column("verification", Text, nullable=False),
    Column("reason", Text),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)

client = Table(
    "client",
    meta,
    Column("id", Text, primary_key=True),
    Column("organization_id", ForeignKey(organization.c.id), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_mark", LargeBinary, nullable=False),  # keyed hash; the secret itself is never stored
    Column("previous_mark", LargeBinary),
    Column("previous_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
)

delegation = Table(
    "delegation",
    meta,
    *_resource(),
    Column("principal_id", ForeignKey(organization.c.id), nullable=False, index=True),
    Column("delegate_id", ForeignKey(organization.c.id), nullable=False, index=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("from_day", Date, nullable=False),
    Column("to_day", Date),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("accepted_at", DateTime(timezone=True)),
    Column("accepted_by", Text),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_by", Text),
)

document = Table(
    "document",
    meta,
    *_resource(),
    Column("organization_id", ForeignKey(organization.c.id), nullable=False, index=True),
    Column("file_name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
