"""First tables.

Expand first, contract one release later; one schema change, one revision. The lock timeout is set
by `migrations.upgrade`: a migration that cannot get its lock fails instead of stopping the platform.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import feed

revision = "catalog_0001"
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
        schema="catalog",
    )
    op.create_table(
        "feed_state",
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_feed_state")),
        schema="catalog",
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
        schema="catalog",
    )
    op.create_table(
        "import_job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("publish", sa.Boolean(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("listings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("done_rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_job")),
        schema="catalog",
    )
    op.create_index("ix_import_job_state", "import_job", ["state", "created_at"], unique=False, schema="catalog")
    op.create_table(
        "listing",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("problem_solved", sa.Text(), nullable=True),
        sa.Column("application_scenes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("advantages", sa.Text(), nullable=True),
        sa.Column("economic_comparison", sa.Text(), nullable=True),
        sa.Column("trl", sa.SmallInteger(), nullable=True),
        sa.Column("modes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("pricing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("region_codes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("industry_codes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("support_offered", sa.Text(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("announced_on", sa.Date(), nullable=True),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_listing_organization_id_external_id")),
        schema="catalog",
    )
    op.create_index(
        "ix_listing_organization_id", "listing", ["organization_id", "created_at", "id"], unique=False, schema="catalog"
    )
    op.create_index("ix_listing_state", "listing", ["state", "published_at", "id"], unique=False, schema="catalog")
    op.create_table(
        "mark",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mark")),
        schema="catalog",
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
        schema="catalog",
    )
    op.create_table(
        "patent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application_number", sa.Text(), nullable=True),
        sa.Column("publication_number", sa.Text(), nullable=True),
        sa.Column("patent_type", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=True),
        sa.Column("claims", sa.Text(), nullable=True),
        sa.Column("ipc", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("filing_date", sa.Date(), nullable=True),
        sa.Column("grant_date", sa.Date(), nullable=True),
        sa.Column("holders", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inventors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("standing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patent")),
        sa.UniqueConstraint("application_number", name=op.f("uq_patent_application_number")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_patent_organization_id_external_id")),
        sa.UniqueConstraint("publication_number", name=op.f("uq_patent_publication_number")),
        schema="catalog",
    )
    op.create_index(
        "ix_patent_holders",
        "patent",
        ["holders"],
        unique=False,
        schema="catalog",
        postgresql_using="gin",
        postgresql_ops={"holders": "jsonb_path_ops"},
    )
    op.create_index(
        "ix_patent_organization_id", "patent", ["organization_id", "created_at", "id"], unique=False, schema="catalog"
    )
    op.create_table(
        "reference",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", "code", name=op.f("pk_reference")),
        schema="catalog",
    )
    op.create_table(
        "import_error",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["catalog.import_job.id"], name=op.f("fk_import_error_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_error")),
        schema="catalog",
    )
    op.create_index(op.f("ix_import_error_job_id"), "import_error", ["job_id"], unique=False, schema="catalog")
    op.create_table(
        "import_file",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["catalog.import_job.id"], name=op.f("fk_import_file_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_import_file")),
        schema="catalog",
    )
    op.create_table(
        "legal_event",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("document_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patent_id"], ["catalog.patent.id"], name=op.f("fk_legal_event_patent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_event")),
        schema="catalog",
    )
    op.create_index(op.f("ix_legal_event_patent_id"), "legal_event", ["patent_id"], unique=False, schema="catalog")
    op.create_table(
        "listing_act",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listing.id"], name=op.f("fk_listing_act_listing_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_act")),
        schema="catalog",
    )
    op.create_index(op.f("ix_listing_act_listing_id"), "listing_act", ["listing_id"], unique=False, schema="catalog")
    op.create_table(
        "listing_patent",
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listing.id"], name=op.f("fk_listing_patent_listing_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["patent_id"], ["catalog.patent.id"], name=op.f("fk_listing_patent_patent_id")),
        sa.PrimaryKeyConstraint("listing_id", "ordinal", name=op.f("pk_listing_patent")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_listing_patent_patent_id"), "listing_patent", ["patent_id"], unique=False, schema="catalog"
    )
    op.execute(feed.INSTALL.format(schema="catalog"))


def downgrade() -> None:
    op.execute(feed.UNINSTALL.format(schema="catalog"))
    op.drop_index(op.f("ix_listing_patent_patent_id"), table_name="listing_patent", schema="catalog")
    op.drop_table("listing_patent", schema="catalog")
    op.drop_index(op.f("ix_listing_act_listing_id"), table_name="listing_act", schema="catalog")
    op.drop_table("listing_act", schema="catalog")
    op.drop_index(op.f("ix_legal_event_patent_id"), table_name="legal_event", schema="catalog")
    op.drop_table("legal_event", schema="catalog")
    op.drop_table("import_file", schema="catalog")
    op.drop_index(op.f("ix_import_error_job_id"), table_name="import_error", schema="catalog")
    op.drop_table("import_error", schema="catalog")
    op.drop_table("reference", schema="catalog")
    op.drop_index("ix_patent_organization_id", table_name="patent", schema="catalog")
    op.drop_index(
        "ix_patent_holders",
        table_name="patent",
        schema="catalog",
        postgresql_using="gin",
        postgresql_ops={"holders": "jsonb_path_ops"},
    )
    op.drop_table("patent", schema="catalog")
    op.drop_table("outbox", schema="catalog")
    op.drop_table("mark", schema="catalog")
    op.drop_index("ix_listing_state", table_name="listing", schema="catalog")
    op.drop_index("ix_listing_organization_id", table_name="listing", schema="catalog")
    op.drop_table("listing", schema="catalog")
    op.drop_index("ix_import_job_state", table_name="import_job", schema="catalog")
    op.drop_table("import_job", schema="catalog")
    op.drop_table("idempotency", schema="catalog")
    op.drop_table("feed_state", schema="catalog")
    op.drop_table("feed_cursor", schema="catalog")
