"""What catalog has told of the annual fees of licensed and declared patents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "licensing_0005"
down_revision = "licensing_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patent_fact",
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("fees_paid_until", sa.Date(), nullable=True),
        sa.Column("grace_ends_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("patent_id", name=op.f("pk_patent_fact")),
        schema="licensing",
    )


def downgrade() -> None:
    op.drop_table("patent_fact", schema="licensing")
