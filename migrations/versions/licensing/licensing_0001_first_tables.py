"""First tables: declarations, requests, payments, licenses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import feed

revision = "licensing_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_act")),
        schema="licensing",
    )
    op.create_index(op.f("ix_act_subject"), "act", ["subject"], unique=False, schema="licensing")
    op.create_table(
        "declaration",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keeper_uscc", sa.Text(), nullable=True),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("patent", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("expiry_date", sa.Date(), nullable=True),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("announcement_number", sa.Text(), nullable=True),
        sa.Column("announced_on", sa.Date(), nullable=True),
        sa.Column("withdrawal_filed_on", sa.Date(), nullable=True),
        sa.Column("withdrawal_announced_on", sa.Date(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_declaration_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index("ix_declaration_created_at", "declaration", ["created_at", "id"], unique=False, schema="licensing")
    op.create_index("ix_declaration_patent_id", "declaration", ["patent_id"], unique=False, schema="licensing")
    op.create_index(
        "uq_declaration_live",
        "declaration",
        ["patent_id"],
        unique=True,
        schema="licensing",
        postgresql_where=sa.text("state IN ('FILED', 'ANNOUNCED', 'WITHDRAWAL_FILED')"),
    )
    op.create_table(
        "feed_cursor",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_cursor")),
        schema="licensing",
    )
    op.create_table(
        "feed_state",
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_feed_state")),
        schema="licensing",
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
        schema="licensing",
    )
    op.create_table(
        "license",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("licensors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("patent_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("license_type", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("recordal_due_on", sa.Date(), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license")),
        sa.UniqueConstraint("source_id", name=op.f("uq_license_source_id")),
        schema="licensing",
    )
    op.create_index(
        "ix_license_licensor_id", "license", ["licensor_id", "created_at", "id"], unique=False, schema="licensing"
    )
    op.create_index(
        "ix_license_organization_id",
        "license",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="licensing",
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
        schema="licensing",
    )
    op.create_table(
        "declaration_consent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("declaration_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("party_uscc", sa.Text(), nullable=True),
        sa.Column("concerns", sa.Text(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("revoked_on", sa.Date(), nullable=True),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["licensing.declaration.id"], name=op.f("fk_declaration_consent_declaration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration_consent")),
        schema="licensing",
    )
    op.create_index(
        op.f("ix_declaration_consent_declaration_id"),
        "declaration_consent",
        ["declaration_id"],
        unique=False,
        schema="licensing",
    )
    op.create_table(
        "request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declaration_id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("intended_use", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_due_on", sa.Date(), nullable=False),
        sa.Column("cancelled_on", sa.Date(), nullable=True),
        sa.Column("license_id", sa.Text(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["licensing.declaration.id"], name=op.f("fk_request_declaration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_request_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index(op.f("ix_request_declaration_id"), "request", ["declaration_id"], unique=False, schema="licensing")
    op.create_index(
        "ix_request_licensor_id", "request", ["licensor_id", "created_at", "id"], unique=False, schema="licensing"
    )
    op.create_index(
        "ix_request_organization_id",
        "request",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="licensing",
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["licensing.request.id"], name=op.f("fk_payment_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("request_id", "reference", name=op.f("uq_payment_request_id_reference")),
        schema="licensing",
    )
    op.execute(feed.INSTALL.format(schema="licensing"))


def downgrade() -> None:
    op.execute(feed.UNINSTALL.format(schema="licensing"))
    op.drop_table("payment", schema="licensing")
    op.drop_index("ix_request_organization_id", table_name="request", schema="licensing")
    op.drop_index("ix_request_licensor_id", table_name="request", schema="licensing")
    op.drop_index(op.f("ix_request_declaration_id"), table_name="request", schema="licensing")
    op.drop_table("request", schema="licensing")
    op.drop_index(op.f("ix_declaration_consent_declaration_id"), table_name="declaration_consent", schema="licensing")
    op.drop_table("declaration_consent", schema="licensing")
    op.drop_table("outbox", schema="licensing")
    op.drop_index("ix_license_organization_id", table_name="license", schema="licensing")
    op.drop_index("ix_license_licensor_id", table_name="license", schema="licensing")
    op.drop_table("license", schema="licensing")
    op.drop_table("idempotency", schema="licensing")
    op.drop_table("feed_state", schema="licensing")
    op.drop_table("feed_cursor", schema="licensing")
    op.drop_index(
        "uq_declaration_live",
        table_name="declaration",
        schema="licensing",
        postgresql_where=sa.text("state IN ('FILED', 'ANNOUNCED', 'WITHDRAWAL_FILED')"),
    )
    op.drop_index("ix_declaration_patent_id", table_name="declaration", schema="licensing")
    op.drop_index("ix_declaration_created_at", table_name="declaration", schema="licensing")
    op.drop_table("declaration", schema="licensing")
    op.drop_index(op.f("ix_act_subject"), table_name="act", schema="licensing")
    op.drop_table("act", schema="licensing")
