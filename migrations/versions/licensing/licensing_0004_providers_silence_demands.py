"""Payments: providers, silence, refunds; formal demands; the calendar and figures that the operator keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "licensing_0004"
down_revision = "licensing_0003"
branch_labels = None
depends_on = None


def _resource() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.add_column("payment", sa.Column("answer_by", sa.Date(), nullable=True), schema="licensing")
    op.add_column("payment", sa.Column("settled_by", sa.Text(), nullable=True), schema="licensing")
    op.add_column(
        "payment", sa.Column("reported", postgresql.JSONB(astext_type=sa.Text()), nullable=True), schema="licensing"
    )
    op.add_column(
        "payment", sa.Column("refunded_fen", sa.BigInteger(), server_default="0", nullable=False), schema="licensing"
    )
    op.create_check_constraint(
        op.f("ck_payment_refunded_once"), "payment", "refunded_fen BETWEEN 0 AND fen", schema="licensing"
    )
    op.create_index(
        "ix_payment_answer_by",
        "payment",
        ["answer_by"],
        unique=False,
        schema="licensing",
        postgresql_where=sa.text("state = 'REPORTED'"),
    )
    op.create_table(
        "refund",
        *_resource(),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["licensing.payment.id"], name=op.f("fk_refund_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("payment_id", "reference", name=op.f("uq_refund_payment_id_reference")),
        schema="licensing",
    )
    op.create_table(
        "payment_provider",
        *_resource(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payee_ids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_provider")),
        schema="licensing",
    )
    op.create_table(
        "settlement_rule",
        *_resource(),
        sa.Column("signatory", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_rule")),
        schema="licensing",
    )
    op.create_index(
        "uq_settlement_rule_standing",
        "settlement_rule",
        ["organization_id"],
        unique=True,
        schema="licensing",
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "demand",
        *_resource(),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("item_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("demanded_on", sa.Date(), nullable=False),
        sa.Column("pay_by", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_demand_license_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand")),
        schema="licensing",
    )
    op.create_index(op.f("ix_demand_license_id"), "demand", ["license_id"], unique=False, schema="licensing")
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_day")),
        schema="licensing",
    )
    op.create_table(
        "policy",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy")),
        schema="licensing",
    )


def downgrade() -> None:
    op.drop_table("policy", schema="licensing")
    op.drop_table("calendar_day", schema="licensing")
    op.drop_index(op.f("ix_demand_license_id"), table_name="demand", schema="licensing")
    op.drop_table("demand", schema="licensing")
    op.drop_index(
        "uq_settlement_rule_standing",
        table_name="settlement_rule",
        schema="licensing",
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_table("settlement_rule", schema="licensing")
    op.drop_table("payment_provider", schema="licensing")
    op.drop_table("refund", schema="licensing")
    op.drop_index(
        "ix_payment_answer_by",
        table_name="payment",
        schema="licensing",
        postgresql_where=sa.text("state = 'REPORTED'"),
    )
    op.drop_constraint(op.f("ck_payment_refunded_once"), "payment", schema="licensing", type_="check")
    op.drop_column("payment", "refunded_fen", schema="licensing")
    op.drop_column("payment", "reported", schema="licensing")
    op.drop_column("payment", "settled_by", schema="licensing")
    op.drop_column("payment", "answer_by", schema="licensing")
