"""Orders that take the listings of a party off the market, as oversight's feed tells them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "catalog_0008"
down_revision = "catalog_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "party_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_order")),
        schema="catalog",
    )
    op.create_index(op.f("ix_party_order_organization_id"), "party_order", ["organization_id"], schema="catalog")


def downgrade() -> None:
    op.drop_table("party_order", schema="catalog")
