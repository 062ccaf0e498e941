"""Two records of one patent become one: what was merged, and into which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "catalog_0007"
down_revision = "catalog_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patent_merger",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("record", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patent_id"], ["catalog.patent.id"], name=op.f("fk_patent_merger_patent_id_patent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patent_merger")),
        schema="catalog",
    )
    op.create_index(op.f("ix_patent_merger_patent_id"), "patent_merger", ["patent_id"], schema="catalog")


def downgrade() -> None:
    op.drop_table("patent_merger", schema="catalog")
