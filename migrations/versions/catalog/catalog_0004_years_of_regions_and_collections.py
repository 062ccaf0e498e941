"""Codes of regions with the days of their use and what took their place; collections of listings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "catalog_0004"
down_revision = "catalog_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reference", sa.Column("valid_from", sa.Date(), nullable=True), schema="catalog")
    op.add_column("reference", sa.Column("valid_until", sa.Date(), nullable=True), schema="catalog")
    op.add_column("reference", sa.Column("successor", sa.Text(), nullable=True), schema="catalog")
    op.create_table(
        "collection",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("query", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("include_listing_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("include_patent_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("exclude_listing_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("exclude_patent_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("organization_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_collection_organization_id_external_id")),
        schema="catalog",
    )
    op.create_index("ix_collection_created_at", "collection", ["created_at", "id"], unique=False, schema="catalog")
    op.create_table(
        "collection_follower",
        sa.Column("collection_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["catalog.collection.id"],
            name=op.f("fk_collection_follower_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "organization_id", name=op.f("pk_collection_follower")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_collection_follower_organization_id"),
        "collection_follower",
        ["organization_id"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "collection_told",
        sa.Column("collection_id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["catalog.collection.id"],
            name=op.f("fk_collection_told_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "listing_id", name=op.f("pk_collection_told")),
        schema="catalog",
    )


def downgrade() -> None:
    op.drop_table("collection_told", schema="catalog")
    op.drop_table("collection_follower", schema="catalog")
    op.drop_table("collection", schema="catalog")
    op.drop_column("reference", "successor", schema="catalog")
    op.drop_column("reference", "valid_until", schema="catalog")
    op.drop_column("reference", "valid_from", schema="catalog")
