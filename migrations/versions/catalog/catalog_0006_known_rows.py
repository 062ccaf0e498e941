"""Imported rows that say what their records hold are known again; words are found by an index; who keeps a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "catalog_0006"
down_revision = "catalog_0005"
branch_labels = None
depends_on = None

BIGRAMS = """
    CREATE FUNCTION catalog.bigrams(words text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000
    RETURN (
        SELECT coalesce(array_agg(DISTINCT pair), '{}')
        FROM (
            SELECT letter || lead(letter) OVER (ORDER BY place) AS pair
            FROM unnest(string_to_array(words, NULL)) WITH ORDINALITY AS found (letter, place)
        ) AS pairs
        WHERE pair IS NOT NULL
    )
"""


def upgrade() -> None:
    op.add_column("patent", sa.Column("row_digest", sa.LargeBinary(), nullable=True), schema="catalog")
    op.add_column("patent", sa.Column("row_version", sa.Integer(), nullable=True), schema="catalog")
    op.add_column("patent", sa.Column("keeper_uscc", sa.Text(), nullable=True), schema="catalog")
    op.add_column(
        "import_job",
        sa.Column("is_soe", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="catalog",
    )
    op.execute(BIGRAMS)
    words = sa.text("catalog.bigrams(searched)")
    op.create_index("ix_listing_words", "listing", [words], schema="catalog", postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_listing_words", "listing", schema="catalog")
    op.execute("DROP FUNCTION catalog.bigrams(text)")
    op.drop_column("import_job", "is_soe", schema="catalog")
    op.drop_column("patent", "keeper_uscc", schema="catalog")
    op.drop_column("patent", "row_version", schema="catalog")
    op.drop_column("patent", "row_digest", schema="catalog")
