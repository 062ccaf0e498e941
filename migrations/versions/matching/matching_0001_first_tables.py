"""First tables.

Expand first, contract one release later; one schema change, one revision. The lock timeout is set
by `migrations.upgrade`: a migration that cannot get its lock fails instead of stopping the platform.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import feed

revision = "matching_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed_cursor",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_cursor")),
        schema="matching",
    )
    op.create_table(
        "feed_state",
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_feed_state")),
        schema="matching",
    )
    op.create_table(
        "idempotency",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency")),
        schema="matching",
    )
    op.create_table(
        "need",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("need_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_need_organization_id_external_id")),
        schema="matching",
    )
    op.create_index(
        "ix_need_organization_id", "need", ["organization_id", "created_at", "id"], unique=False, schema="matching"
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox")),
        schema="matching",
    )
    op.create_table(
        "need_act",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_id"], ["matching.need.id"], name=op.f("fk_need_act_need_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need_act")),
        schema="matching",
    )
    op.create_index(op.f("ix_need_act_need_id"), "need_act", ["need_id"], unique=False, schema="matching")
    op.create_table(
        "need_version",
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("industry_code", sa.Text(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("budget", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("constraints", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_id"], ["matching.need.id"], name=op.f("fk_need_version_need_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("need_id", "number", name=op.f("pk_need_version")),
        schema="matching",
    )
    op.execute(feed.INSTALL.format(schema="matching"))


def downgrade() -> None:
    op.execute(feed.UNINSTALL.format(schema="matching"))
    op.drop_table("need_version", schema="matching")
    op.drop_index(op.f("ix_need_act_need_id"), table_name="need_act", schema="matching")
    op.drop_table("need_act", schema="matching")
    op.drop_table("outbox", schema="matching")
    op.drop_index("ix_need_organization_id", table_name="need", schema="matching")
    op.drop_table("need", schema="matching")
    op.drop_table("idempotency", schema="matching")
    op.drop_table("feed_state", schema="matching")
    op.drop_table("feed_cursor", schema="matching")
