"""First tables.

Expand first, contract one release later; one schema change, one revision. The lock timeout is set
by `migrations.upgrade`: a migration that cannot get its lock fails instead of stopping the platform.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import feed

revision = "gateway_0001"
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
        schema="gateway",
    )
    op.create_table(
        "feed_state",
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_feed_state")),
        schema="gateway",
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
        schema="gateway",
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state_owned", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("industry_code", sa.Text(), nullable=True),
        sa.Column("staff_count", sa.Integer(), nullable=True),
        sa.Column("annual_revenue", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("contacts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("verification", sa.Text(), nullable=False),
        sa.Column("is_sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["gateway.organization.id"], name=op.f("fk_organization_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("registered_by", "external_id", name=op.f("uq_organization_registered_by_external_id")),
        sa.UniqueConstraint("uscc", name=op.f("uq_organization_uscc")),
        schema="gateway",
    )
    op.create_index("ix_organization_created_at", "organization", ["created_at", "id"], unique=False, schema="gateway")
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox")),
        schema="gateway",
    )
    op.create_table(
        "client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret_mark", sa.LargeBinary(), nullable=False),
        sa.Column("previous_mark", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["gateway.organization.id"], name=op.f("fk_client_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        schema="gateway",
    )
    op.create_index(op.f("ix_client_organization_id"), "client", ["organization_id"], unique=False, schema="gateway")
    op.create_table(
        "delegation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal_id", sa.Text(), nullable=False),
        sa.Column("delegate_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("document_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delegate_id"], ["gateway.organization.id"], name=op.f("fk_delegation_delegate_id")),
        sa.ForeignKeyConstraint(["principal_id"], ["gateway.organization.id"], name=op.f("fk_delegation_principal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
        schema="gateway",
    )
    op.create_index(op.f("ix_delegation_delegate_id"), "delegation", ["delegate_id"], unique=False, schema="gateway")
    op.create_index(op.f("ix_delegation_principal_id"), "delegation", ["principal_id"], unique=False, schema="gateway")
    op.create_table(
        "document",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["gateway.organization.id"], name=op.f("fk_document_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        schema="gateway",
    )
    op.create_index(
        op.f("ix_document_organization_id"), "document", ["organization_id"], unique=False, schema="gateway"
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("verification", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("document_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["gateway.organization.id"], name=op.f("fk_verification_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
        schema="gateway",
    )
    op.create_index(
        op.f("ix_verification_organization_id"), "verification", ["organization_id"], unique=False, schema="gateway"
    )
    op.execute(feed.INSTALL.format(schema="gateway"))


def downgrade() -> None:
    op.execute(feed.UNINSTALL.format(schema="gateway"))
    op.drop_index(op.f("ix_verification_organization_id"), table_name="verification", schema="gateway")
    op.drop_table("verification", schema="gateway")
    op.drop_index(op.f("ix_document_organization_id"), table_name="document", schema="gateway")
    op.drop_table("document", schema="gateway")
    op.drop_index(op.f("ix_delegation_principal_id"), table_name="delegation", schema="gateway")
    op.drop_index(op.f("ix_delegation_delegate_id"), table_name="delegation", schema="gateway")
    op.drop_table("delegation", schema="gateway")
    op.drop_index(op.f("ix_client_organization_id"), table_name="client", schema="gateway")
    op.drop_table("client", schema="gateway")
    op.drop_table("outbox", schema="gateway")
    op.drop_index("ix_organization_created_at", table_name="organization", schema="gateway")
    op.drop_table("organization", schema="gateway")
    op.drop_table("idempotency", schema="gateway")
    op.drop_table("feed_state", schema="gateway")
    op.drop_table("feed_cursor", schema="gateway")
