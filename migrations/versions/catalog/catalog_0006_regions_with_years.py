"""Codes of regions with the days of their use, and what took their place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "catalog_0006"
down_revision = "catalog_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reference", sa.Column("valid_from", sa.Date(), nullable=True), schema="catalog")
    op.add_column("reference", sa.Column("valid_until", sa.Date(), nullable=True), schema="catalog")
    op.add_column("reference", sa.Column("successor", sa.Text(), nullable=True), schema="catalog")


def downgrade() -> None:
    op.drop_column("reference", "successor", schema="catalog")
    op.drop_column("reference", "valid_until", schema="catalog")
    op.drop_column("reference", "valid_from", schema="catalog")
