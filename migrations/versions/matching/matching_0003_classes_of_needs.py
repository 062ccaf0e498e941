"""The classes that texts of needs lean to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0003"
down_revision = "matching_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("need_version", sa.Column("classes", postgresql.ARRAY(sa.Text()), nullable=True), schema="matching")
    op.create_index(
        "ix_need_version_unread",
        "need_version",
        ["need_id"],
        unique=False,
        schema="matching",
        postgresql_where=sa.text("classes IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_need_version_unread",
        table_name="need_version",
        schema="matching",
        postgresql_where=sa.text("classes IS NULL"),
    )
    op.drop_column("need_version", "classes", schema="matching")
