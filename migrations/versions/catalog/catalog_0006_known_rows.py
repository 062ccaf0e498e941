"""Imported rows that say what their records hold are known again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "catalog_0006"
down_revision = "catalog_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patent", sa.Column("row_digest", sa.LargeBinary(), nullable=True), schema="catalog")
    op.add_column("patent", sa.Column("row_version", sa.Integer(), nullable=True), schema="catalog")


def downgrade() -> None:
    op.drop_column("patent", "row_version", schema="catalog")
    op.drop_column("patent", "row_digest", schema="catalog")
