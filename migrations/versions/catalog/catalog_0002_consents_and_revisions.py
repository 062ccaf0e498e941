"""Consents to listings, secrecy reviews, revisions of patents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "catalog_0002"
down_revision = "catalog_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listing_consent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("party_uscc", sa.Text(), nullable=True),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("revoked_on", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listing.id"], name=op.f("fk_listing_consent_listing_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_consent")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_listing_consent_listing_id"), "listing_consent", ["listing_id"], unique=False, schema="catalog"
    )
    op.create_table(
        "patent_revision",
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["patent_id"], ["catalog.patent.id"], name=op.f("fk_patent_revision_patent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patent_id", "version", name=op.f("pk_patent_revision")),
        schema="catalog",
    )
    op.create_table(
        "secrecy_clearance",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Integer(), nullable=False),
        sa.Column("cleared_on", sa.Date(), nullable=False),
        sa.Column("cleared_by", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listing.id"], name=op.f("fk_secrecy_clearance_listing_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secrecy_clearance")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_secrecy_clearance_listing_id"), "secrecy_clearance", ["listing_id"], unique=False, schema="catalog"
    )
    op.add_column(
        "listing", sa.Column("is_soe", sa.Boolean(), server_default=sa.text("false"), nullable=False), schema="catalog"
    )
    op.add_column(
        "listing", sa.Column("terms_version", sa.Integer(), server_default="1", nullable=False), schema="catalog"
    )
    op.add_column(
        "listing", sa.Column("text_version", sa.Integer(), server_default="1", nullable=False), schema="catalog"
    )


def downgrade() -> None:
    op.drop_column("listing", "text_version", schema="catalog")
    op.drop_column("listing", "terms_version", schema="catalog")
    op.drop_column("listing", "is_soe", schema="catalog")
    op.drop_index(op.f("ix_secrecy_clearance_listing_id"), table_name="secrecy_clearance", schema="catalog")
    op.drop_table("secrecy_clearance", schema="catalog")
    op.drop_table("patent_revision", schema="catalog")
    op.drop_index(op.f("ix_listing_consent_listing_id"), table_name="listing_consent", schema="catalog")
    op.drop_table("listing_consent", schema="catalog")
