"""Imports of any file: their subject and evidence, files in pieces, rejected rows as they stood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "catalog_0005"
down_revision = "catalog_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "import_job", sa.Column("subject", sa.Text(), server_default="PATENTS", nullable=False), schema="catalog"
    )
    op.add_column(
        "import_job",
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        schema="catalog",
    )
    op.add_column("import_job", sa.Column("uscc", sa.Text(), nullable=True), schema="catalog")
    op.add_column(
        "import_job", sa.Column("heads", postgresql.JSONB(astext_type=sa.Text()), nullable=True), schema="catalog"
    )
    op.add_column(
        "import_file", sa.Column("ordinal", sa.Integer(), server_default="0", nullable=False), schema="catalog"
    )
    op.drop_constraint("pk_import_file", "import_file", schema="catalog")
    op.create_primary_key("pk_import_file", "import_file", ["job_id", "ordinal"], schema="catalog")
    op.create_table(
        "import_reject",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["catalog.import_job.id"], name=op.f("fk_import_reject_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "row", name=op.f("pk_import_reject")),
        schema="catalog",
    )


def downgrade() -> None:
    op.drop_table("import_reject", schema="catalog")
    op.execute("DELETE FROM catalog.import_file WHERE ordinal > 0")
    op.drop_constraint("pk_import_file", "import_file", schema="catalog")
    op.create_primary_key("pk_import_file", "import_file", ["job_id"], schema="catalog")
    op.drop_column("import_file", "ordinal", schema="catalog")
    for column in ("heads", "uscc", "document_ids", "subject"):
        op.drop_column("import_job", column, schema="catalog")
