"""A payment that its payer took back leaves its reference to the report that takes its place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "licensing_0007"
down_revision = "licensing_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("request_id", "license_id"):
        op.drop_constraint(op.f(f"uq_payment_{name}_reference"), "payment", schema="licensing", type_="unique")
        op.create_index(
            f"uq_payment_{name}_reference",
            "payment",
            [name, "reference"],
            unique=True,
            schema="licensing",
            postgresql_where=sa.text("state <> 'WITHDRAWN'"),
        )


def downgrade() -> None:
    op.execute("UPDATE licensing.payment SET reference = reference || ' ' || id WHERE state = 'WITHDRAWN'")
    for name in ("request_id", "license_id"):
        op.drop_index(
            f"uq_payment_{name}_reference",
            table_name="payment",
            schema="licensing",
            postgresql_where=sa.text("state <> 'WITHDRAWN'"),
        )
        op.create_unique_constraint(
            op.f(f"uq_payment_{name}_reference"), "payment", [name, "reference"], schema="licensing"
        )
