"""Negotiated licenses: inquiries, offers, contracts, what they cost, and the scopes that no two of them share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "licensing_0002"
down_revision = "licensing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE TYPE licensing.textrange AS RANGE (subtype = text, collation = "C")')
    op.create_table(
        "inquiry",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("licensee_name", sa.Text(), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=True),
        sa.Column("patents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_anonymized", sa.Boolean(), nullable=False),
        sa.Column("disclosed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("has_offers", sa.Boolean(), nullable=False),
        sa.Column("license_id", sa.Text(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inquiry")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_inquiry_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index(
        "ix_inquiry_licensor_id", "inquiry", ["licensor_id", "created_at", "id"], unique=False, schema="licensing"
    )
    op.create_index(
        "ix_inquiry_organization_id",
        "inquiry",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="licensing",
    )
    op.create_table(
        "quick_offer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keeper_uscc", sa.Text(), nullable=True),
        sa.Column("patents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("patent_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("holders", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quick_offer")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_quick_offer_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index("ix_quick_offer_created_at", "quick_offer", ["created_at", "id"], unique=False, schema="licensing")
    op.create_table(
        "reminder",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "due_on", "organization_id", name=op.f("pk_reminder")),
        schema="licensing",
    )
    op.create_table(
        "scope_cell",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("patent_id", sa.Text(), nullable=False),
        sa.Column("regions", postgresql.INT4RANGE(), nullable=False),
        sa.Column("classes", postgresql.INT4RANGE(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("claim", postgresql.INT8RANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("licensing.textrange(patent_id, patent_id, '[]')"), "&&"),
            (sa.column("regions"), "&&"),
            (sa.column("classes"), "&&"),
            (sa.column("period"), "&&"),
            (sa.column("claim"), "&&"),
            using="gist",
            name="ex_scope_cell_alone",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope_cell")),
        schema="licensing",
    )
    op.create_index(op.f("ix_scope_cell_holder_id"), "scope_cell", ["holder_id"], unique=False, schema="licensing")
    op.create_index(op.f("ix_scope_cell_patent_id"), "scope_cell", ["patent_id"], unique=False, schema="licensing")
    op.create_table(
        "due_item",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_due_item_license_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_item")),
        schema="licensing",
    )
    op.create_index(op.f("ix_due_item_license_id"), "due_item", ["license_id"], unique=False, schema="licensing")
    op.create_table(
        "message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("inquiry_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["inquiry_id"], ["licensing.inquiry.id"], name=op.f("fk_message_inquiry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        schema="licensing",
    )
    op.create_index(op.f("ix_message_inquiry_id"), "message", ["inquiry_id"], unique=False, schema="licensing")
    op.create_table(
        "offer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inquiry_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("is_fixed", sa.Boolean(), nullable=False),
        sa.Column("in_reply_to", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("license_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["inquiry_id"], ["licensing.inquiry.id"], name=op.f("fk_offer_inquiry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_offer_organization_id_external_id")),
        schema="licensing",
    )
    op.create_index("ix_offer_inquiry_id", "offer", ["inquiry_id", "created_at"], unique=False, schema="licensing")
    op.create_index(
        "uq_offer_standing",
        "offer",
        ["inquiry_id"],
        unique=True,
        schema="licensing",
        postgresql_where=sa.text("answer IS NULL"),
    )
    op.create_table(
        "paper",
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_paper_license_id")),
        sa.PrimaryKeyConstraint("license_id", name=op.f("pk_paper")),
        schema="licensing",
    )
    op.create_table(
        "price_publicity",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("titles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("fee", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("begun_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_price_publicity_license_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_publicity")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_price_publicity_organization_id_external_id")
        ),
        schema="licensing",
    )
    op.create_index(
        op.f("ix_price_publicity_license_id"), "price_publicity", ["license_id"], unique=False, schema="licensing"
    )
    op.create_index(
        "ix_price_publicity_organization_id",
        "price_publicity",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="licensing",
    )
    op.create_table(
        "quick_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("intended_use", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("begun_on", sa.Date(), nullable=False),
        sa.Column("trial_ends_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("converted_on", sa.Date(), nullable=True),
        sa.Column("first_sale_on", sa.Date(), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_quick_request_license_id")),
        sa.ForeignKeyConstraint(["offer_id"], ["licensing.quick_offer.id"], name=op.f("fk_quick_request_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quick_request")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_quick_request_organization_id_external_id")
        ),
        schema="licensing",
    )
    op.create_index(
        "ix_quick_request_licensor_id",
        "quick_request",
        ["licensor_id", "created_at", "id"],
        unique=False,
        schema="licensing",
    )
    op.create_index(op.f("ix_quick_request_offer_id"), "quick_request", ["offer_id"], unique=False, schema="licensing")
    op.create_index(
        "ix_quick_request_organization_id",
        "quick_request",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="licensing",
    )
    op.create_table(
        "royalty_report",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("license_id", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("base_fen", sa.BigInteger(), nullable=False),
        sa.Column("royalty_fen", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("document_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["license_id"], ["licensing.license.id"], name=op.f("fk_royalty_report_license_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_royalty_report")),
        schema="licensing",
    )
    op.create_index(
        "uq_royalty_report_period",
        "royalty_report",
        ["license_id", "first_day"],
        unique=True,
        schema="licensing",
        postgresql_where=sa.text("state <> 'CONTESTED'"),
    )
    op.add_column("act", sa.Column("organization_id", sa.Text(), nullable=True), schema="licensing")
    op.add_column("act", sa.Column("actor_id", sa.Text(), nullable=True), schema="licensing")
    op.add_column("declaration", sa.Column("patent_ended_on", sa.Date(), nullable=True), schema="licensing")
    op.add_column(
        "license", sa.Column("licensee", postgresql.JSONB(astext_type=sa.Text()), nullable=True), schema="licensing"
    )
    op.add_column("license", sa.Column("terms_hash", sa.Text(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("begins_on", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("agreed_on", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("document_sha256", sa.Text(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("sign_by", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("given_up_on", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("patent_ended_on", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("royalty_from", sa.Date(), nullable=True), schema="licensing")
    op.add_column("license", sa.Column("terminated_on", sa.Date(), nullable=True), schema="licensing")
    op.execute(
        "UPDATE licensing.license SET begins_on = effective_on, agreed_on = effective_on, royalty_from = effective_on, terms_hash ="
        " (SELECT terms_hash FROM licensing.request WHERE request.id = source_id)"
    )
    for name in ("terms_hash", "begins_on", "agreed_on"):
        op.alter_column("license", name, nullable=False, schema="licensing")
    # What is licensed or declared already has its scope: all of China, every field, beside others.
    op.execute(
        "INSERT INTO licensing.scope_cell (holder_id, patent_id, regions, classes, period, claim)"
        " SELECT id, unnest(patent_ids), '[0,1000000)', '[0,10000)', daterange(effective_on, until, '[]'),"
        " int8range(abs(hashtextextended(id, 0) / 2), abs(hashtextextended(id, 0) / 2), '[]')"
        " FROM licensing.license WHERE effective_on <= until"
    )
    op.execute(
        "INSERT INTO licensing.scope_cell (holder_id, patent_id, regions, classes, period, claim)"
        " SELECT id, patent_id, '[0,1000000)', '[0,10000)', daterange(filed_on, NULL),"
        " int8range(abs(hashtextextended(id, 0) / 2), abs(hashtextextended(id, 0) / 2), '[]')"
        " FROM licensing.declaration WHERE state IN ('FILED', 'ANNOUNCED', 'WITHDRAWAL_FILED')"
    )
    op.alter_column("license", "effective_on", existing_type=sa.DATE(), nullable=True, schema="licensing")
    op.alter_column("license", "recordal_due_on", existing_type=sa.DATE(), nullable=True, schema="licensing")
    op.create_index(
        "ix_license_patent_ids", "license", ["patent_ids"], unique=False, schema="licensing", postgresql_using="gin"
    )
    op.add_column("payment", sa.Column("license_id", sa.Text(), nullable=True), schema="licensing")
    op.add_column("payment", sa.Column("item_id", sa.Text(), nullable=True), schema="licensing")
    op.alter_column("payment", "request_id", existing_type=sa.TEXT(), nullable=True, schema="licensing")
    op.create_check_constraint(
        op.f("ck_payment_of_one"), "payment", "num_nonnulls(request_id, license_id) = 1", schema="licensing"
    )
    op.create_unique_constraint(
        op.f("uq_payment_license_id_reference"), "payment", ["license_id", "reference"], schema="licensing"
    )
    op.create_foreign_key(
        op.f("fk_payment_license_id"),
        "payment",
        "license",
        ["license_id"],
        ["id"],
        source_schema="licensing",
        referent_schema="licensing",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_payment_license_id"), "payment", schema="licensing", type_="foreignkey")
    op.drop_constraint(op.f("ck_payment_of_one"), "payment", schema="licensing", type_="check")
    op.drop_constraint(op.f("uq_payment_license_id_reference"), "payment", schema="licensing", type_="unique")
    op.alter_column("payment", "request_id", existing_type=sa.TEXT(), nullable=False, schema="licensing")
    op.drop_column("payment", "item_id", schema="licensing")
    op.drop_column("payment", "license_id", schema="licensing")
    op.drop_index("ix_license_patent_ids", table_name="license", schema="licensing", postgresql_using="gin")
    op.alter_column("license", "recordal_due_on", existing_type=sa.DATE(), nullable=False, schema="licensing")
    op.alter_column("license", "effective_on", existing_type=sa.DATE(), nullable=False, schema="licensing")
    op.drop_column("license", "terminated_on", schema="licensing")
    op.drop_column("license", "royalty_from", schema="licensing")
    op.drop_column("license", "patent_ended_on", schema="licensing")
    op.drop_column("license", "given_up_on", schema="licensing")
    op.drop_column("license", "sign_by", schema="licensing")
    op.drop_column("license", "document_sha256", schema="licensing")
    op.drop_column("license", "agreed_on", schema="licensing")
    op.drop_column("license", "begins_on", schema="licensing")
    op.drop_column("license", "terms_hash", schema="licensing")
    op.drop_column("license", "licensee", schema="licensing")
    op.drop_column("declaration", "patent_ended_on", schema="licensing")
    op.drop_column("act", "actor_id", schema="licensing")
    op.drop_column("act", "organization_id", schema="licensing")
    op.drop_index(
        "uq_royalty_report_period",
        table_name="royalty_report",
        schema="licensing",
        postgresql_where=sa.text("state <> 'CONTESTED'"),
    )
    op.drop_table("royalty_report", schema="licensing")
    op.drop_index("ix_quick_request_organization_id", table_name="quick_request", schema="licensing")
    op.drop_index(op.f("ix_quick_request_offer_id"), table_name="quick_request", schema="licensing")
    op.drop_index("ix_quick_request_licensor_id", table_name="quick_request", schema="licensing")
    op.drop_table("quick_request", schema="licensing")
    op.drop_index("ix_price_publicity_organization_id", table_name="price_publicity", schema="licensing")
    op.drop_index(op.f("ix_price_publicity_license_id"), table_name="price_publicity", schema="licensing")
    op.drop_table("price_publicity", schema="licensing")
    op.drop_table("paper", schema="licensing")
    op.drop_index(
        "uq_offer_standing", table_name="offer", schema="licensing", postgresql_where=sa.text("answer IS NULL")
    )
    op.drop_index("ix_offer_inquiry_id", table_name="offer", schema="licensing")
    op.drop_table("offer", schema="licensing")
    op.drop_index(op.f("ix_message_inquiry_id"), table_name="message", schema="licensing")
    op.drop_table("message", schema="licensing")
    op.drop_index(op.f("ix_due_item_license_id"), table_name="due_item", schema="licensing")
    op.drop_table("due_item", schema="licensing")
    op.drop_index(op.f("ix_scope_cell_patent_id"), table_name="scope_cell", schema="licensing")
    op.drop_index(op.f("ix_scope_cell_holder_id"), table_name="scope_cell", schema="licensing")
    op.drop_table("scope_cell", schema="licensing")
    op.drop_table("reminder", schema="licensing")
    op.drop_index("ix_quick_offer_created_at", table_name="quick_offer", schema="licensing")
    op.drop_table("quick_offer", schema="licensing")
    op.drop_index("ix_inquiry_organization_id", table_name="inquiry", schema="licensing")
    op.drop_index("ix_inquiry_licensor_id", table_name="inquiry", schema="licensing")
    op.drop_table("inquiry", schema="licensing")
    op.execute("DROP TYPE licensing.textrange")
