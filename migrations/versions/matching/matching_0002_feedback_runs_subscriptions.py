"""Feedback, match runs, subscriptions, the operator's vocabulary, learned mixes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0002"
down_revision = "matching_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "match_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("index_versions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_run")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_match_run_organization_id_external_id")),
        schema="matching",
    )
    op.create_index(
        "ix_match_run_organization_id",
        "match_run",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="matching",
    )
    op.create_table(
        "ranking_model",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("learned", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trained_on", sa.Text(), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking_model")),
        sa.UniqueConstraint("trained_on", name=op.f("uq_ranking_model_trained_on")),
        schema="matching",
    )
    op.create_index(
        "uq_ranking_model_active",
        "ranking_model",
        ["state"],
        unique=True,
        schema="matching",
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.create_table(
        "vocabulary",
        sa.Column("lay", sa.Text(), nullable=False),
        sa.Column("technical", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lay", name=op.f("pk_vocabulary")),
        schema="matching",
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("need_version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("index_version", sa.Text(), nullable=False),
        sa.Column("signals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fit", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_id"], ["matching.need.id"], name=op.f("fk_feedback_need_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        schema="matching",
    )
    op.create_index("ix_feedback_need_id", "feedback", ["need_id", "at", "id"], unique=False, schema="matching")
    op.create_table(
        "match_result",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("need_version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("fit", sa.Double(), nullable=False),
        sa.Column("ranked_by", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["matching.match_run.id"], name=op.f("fk_match_result_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "need_id", "rank", name=op.f("pk_match_result")),
        schema="matching",
    )
    op.create_index(
        "ix_match_result_listing_id", "match_result", ["run_id", "listing_id"], unique=False, schema="matching"
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=True),
        sa.Column("listing_id", sa.Text(), nullable=True),
        sa.Column("fit_at_least", sa.Double(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("digest_at", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_to", sa.Text(), nullable=True),
        sa.CheckConstraint("(need_id IS NULL) <> (listing_id IS NULL)", name=op.f("ck_subscription_one_subject")),
        sa.ForeignKeyConstraint(
            ["need_id"], ["matching.need.id"], name=op.f("fk_subscription_need_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_subscription_organization_id_external_id")),
        sa.UniqueConstraint("organization_id", "listing_id", name=op.f("uq_subscription_organization_id_listing_id")),
        sa.UniqueConstraint("organization_id", "need_id", name=op.f("uq_subscription_organization_id_need_id")),
        schema="matching",
    )
    op.create_index("ix_subscription_need_id", "subscription", ["need_id"], unique=False, schema="matching")
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["matching.subscription.id"],
            name=op.f("fk_delivery_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        schema="matching",
    )
    op.create_index(
        "ix_delivery_subscription_id", "delivery", ["subscription_id", "at", "id"], unique=False, schema="matching"
    )
    op.create_table(
        "finding",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("fit", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["matching.delivery.id"], name=op.f("fk_finding_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["matching.subscription.id"],
            name=op.f("fk_finding_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "need_id", "listing_id", name=op.f("pk_finding")),
        schema="matching",
    )
    op.create_index("ix_finding_delivery_id", "finding", ["delivery_id"], unique=False, schema="matching")
    op.create_index(
        "ix_finding_due_at",
        "finding",
        ["due_at"],
        unique=False,
        schema="matching",
        postgresql_where=sa.text("settled IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_finding_due_at", table_name="finding", schema="matching", postgresql_where=sa.text("settled IS NULL")
    )
    op.drop_index("ix_finding_delivery_id", table_name="finding", schema="matching")
    op.drop_table("finding", schema="matching")
    op.drop_index("ix_delivery_subscription_id", table_name="delivery", schema="matching")
    op.drop_table("delivery", schema="matching")
    op.drop_index("ix_subscription_need_id", table_name="subscription", schema="matching")
    op.drop_table("subscription", schema="matching")
    op.drop_index("ix_match_result_listing_id", table_name="match_result", schema="matching")
    op.drop_table("match_result", schema="matching")
    op.drop_index("ix_feedback_need_id", table_name="feedback", schema="matching")
    op.drop_table("feedback", schema="matching")
    op.drop_table("vocabulary", schema="matching")
    op.drop_index(
        "uq_ranking_model_active",
        table_name="ranking_model",
        schema="matching",
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.drop_table("ranking_model", schema="matching")
    op.drop_index("ix_match_run_organization_id", table_name="match_run", schema="matching")
    op.drop_table("match_run", schema="matching")
