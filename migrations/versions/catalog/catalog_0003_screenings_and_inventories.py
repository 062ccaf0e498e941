"""Screening runs and inventories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "catalog_0003"
down_revision = "catalog_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventory_campaign",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("ipc", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("patent_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_campaign")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_inventory_campaign_organization_id_external_id")
        ),
        schema="catalog",
    )
    op.create_index(
        "ix_inventory_campaign_organization_id",
        "inventory_campaign",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "screening_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("criteria", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("of_all", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("needs_versions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_run")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_screening_run_organization_id_external_id")
        ),
        schema="catalog",
    )
    op.create_index(
        "ix_screening_run_organization_id",
        "screening_run",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="catalog",
    )
    op.create_index("ix_screening_run_state", "screening_run", ["state", "created_at"], unique=False, schema="catalog")
    op.create_table(
        "inventory_item",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=True),
        sa.Column("trl", sa.SmallInteger(), nullable=True),
        sa.Column("prospects", sa.Text(), nullable=True),
        sa.Column("rated_by", sa.Text(), nullable=True),
        sa.Column("self_stars", sa.SmallInteger(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["catalog.inventory_campaign.id"],
            name=op.f("fk_inventory_item_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["patent_id"], ["catalog.patent.id"], name=op.f("fk_inventory_item_patent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_item")),
        sa.UniqueConstraint("campaign_id", "patent_id", name=op.f("uq_inventory_item_campaign_id_patent_id")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_inventory_item_patent_id"), "inventory_item", ["patent_id"], unique=False, schema="catalog"
    )
    op.create_table(
        "screening_result",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("needs", sa.SmallInteger(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["patent_id"], ["catalog.patent.id"], name=op.f("fk_screening_result_patent_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["catalog.screening_run.id"], name=op.f("fk_screening_result_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "patent_id", name=op.f("pk_screening_result")),
        schema="catalog",
    )
    op.create_index(
        "ix_screening_result_score",
        "screening_result",
        ["run_id", "score", "patent_id"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "inventory_act",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["catalog.inventory_item.id"], name=op.f("fk_inventory_act_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_act")),
        schema="catalog",
    )
    op.create_index(op.f("ix_inventory_act_item_id"), "inventory_act", ["item_id"], unique=False, schema="catalog")


def downgrade() -> None:
    op.drop_index(op.f("ix_inventory_act_item_id"), table_name="inventory_act", schema="catalog")
    op.drop_table("inventory_act", schema="catalog")
    op.drop_index("ix_screening_result_score", table_name="screening_result", schema="catalog")
    op.drop_table("screening_result", schema="catalog")
    op.drop_index(op.f("ix_inventory_item_patent_id"), table_name="inventory_item", schema="catalog")
    op.drop_table("inventory_item", schema="catalog")
    op.drop_index("ix_screening_run_state", table_name="screening_run", schema="catalog")
    op.drop_index("ix_screening_run_organization_id", table_name="screening_run", schema="catalog")
    op.drop_table("screening_run", schema="catalog")
    op.drop_index("ix_inventory_campaign_organization_id", table_name="inventory_campaign", schema="catalog")
    op.drop_table("inventory_campaign", schema="catalog")
