"""A ledger in double entry, benefit rules, distributions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "licensing_0003"
down_revision = "licensing_0002"
branch_labels = None
depends_on = None


def _resource() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "benefit_rule",
        *_resource(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("persons_rate", sa.Text(), nullable=False),
        sa.Column("unit_parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_benefit_rule")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_benefit_rule_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index(
        "ix_benefit_rule_organization_id", "benefit_rule", ["organization_id", "created_at", "id"], schema="licensing"
    )
    op.create_table(
        "distribution",
        *_resource(),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("common_fen", sa.BigInteger(), nullable=False),
        sa.Column("own_fen", sa.BigInteger(), nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
        sa.Column("persons_fen", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("persons_rate", sa.Text(), nullable=True),
        sa.Column("benefit_rule_id", sa.Text(), nullable=True),
        sa.Column("titles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("deductions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_distribution_license_id")),
        sa.ForeignKeyConstraint(
            ["benefit_rule_id"], ["licensing.benefit_rule.id"], name=op.f("fk_distribution_benefit_rule_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_distribution_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index(
        "ix_distribution_organization_id", "distribution", ["organization_id", "created_at", "id"], schema="licensing"
    )
    op.create_index(op.f("ix_distribution_license_id"), "distribution", ["license_id"], schema="licensing")
    op.create_table(
        "distribution_part",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("distribution_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Text(), nullable=True),
        sa.Column("inventor_id", sa.Text(), nullable=True),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.CheckConstraint("fen > 0", name=op.f("ck_distribution_part_of_money")),
        sa.ForeignKeyConstraint(
            ["distribution_id"], ["licensing.distribution.id"], name=op.f("fk_distribution_part_distribution_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution_part")),
        schema="licensing",
    )
    for name in ("distribution_id", "organization_id", "uscc"):
        op.create_index(op.f(f"ix_distribution_part_{name}"), "distribution_part", [name], schema="licensing")
    op.create_table(
        "ledger_entry",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("deal_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_ledger_entry")),
        schema="licensing",
    )
    op.create_index(
        "ix_ledger_entry_organization_id", "ledger_entry", ["organization_id", "position"], schema="licensing"
    )
    op.create_index("ix_ledger_entry_deal_id", "ledger_entry", ["deal_id", "position"], schema="licensing")
    op.create_table(
        "ledger_line",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=True),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("fen <> 0", name=op.f("ck_ledger_line_of_money")),
        sa.ForeignKeyConstraint(["entry"], ["licensing.ledger_entry.position"], name=op.f("fk_ledger_line_entry")),
        sa.PrimaryKeyConstraint("entry", "at", name=op.f("pk_ledger_line")),
        schema="licensing",
    )
    # The books balance because PostgreSQL does not commit an entry that does not.
    op.execute("""
        CREATE FUNCTION licensing.ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT sum(fen) FROM licensing.ledger_line WHERE entry = NEW.entry) <> 0 THEN
                RAISE EXCEPTION 'ledger entry % does not balance', NEW.entry USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON licensing.ledger_line
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licensing.ledger_balances()
    """)
    # What was entered is never changed: a mistake is mended by another entry.
    op.execute("""
        CREATE FUNCTION licensing.ledger_stands() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the ledger is never changed' USING ERRCODE = 'check_violation';
        END $$
    """)
    for table in ("ledger_entry", "ledger_line"):
        op.execute(
            f"CREATE TRIGGER ledger_stands BEFORE UPDATE ON licensing.{table}"
            " FOR EACH ROW EXECUTE FUNCTION licensing.ledger_stands()"
        )
    # Money that had arrived before there was a ledger.
    op.execute("""
        WITH deal AS (
            SELECT p.*, COALESCE(p.request_id, CASE WHEN l.source_type = 'OPEN_LICENSE' THEN l.source_id ELSE l.id END)
                AS deal_id
            FROM licensing.payment p LEFT JOIN licensing.license l ON l.id = p.license_id WHERE p.state = 'SETTLED'
        ), entered AS (
            INSERT INTO licensing.ledger_entry (kind, organization_id, deal_id, subject, "on", at)
            SELECT 'SETTLED', payee_id, deal_id, id, paid_on, updated_at FROM deal ORDER BY updated_at, id
            RETURNING position, subject
        )
        INSERT INTO licensing.ledger_line (entry, at, account, fen)
        SELECT e.position, side.at, side.account, side.sign * p.fen
        FROM entered e JOIN licensing.payment p ON p.id = e.subject
        CROSS JOIN (VALUES (0, 'RECEIVED', 1), (1, 'HELD', -1)) AS side (at, account, sign)
    """)


def downgrade() -> None:
    op.drop_table("ledger_line", schema="licensing")
    op.drop_table("ledger_entry", schema="licensing")
    op.execute("DROP FUNCTION licensing.ledger_balances")
    op.execute("DROP FUNCTION licensing.ledger_stands")
    op.drop_table("distribution_part", schema="licensing")
    op.drop_table("distribution", schema="licensing")
    op.drop_table("benefit_rule", schema="licensing")
