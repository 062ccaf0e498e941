"""Licensing's tables and the few queries used twice.

Acts are rows that are never changed; the columns of a state beside them are what the acts and the rules say, kept for
lists and constraints.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import (
    ARRAY,
    DATERANGE,
    INT4RANGE,
    INT8RANGE,
    JSONB,
    ExcludeConstraint,
)
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ColumnElement

from shared import idempotency
from shared.db import Tx, metadata
from shared.feed import Feed
from shared.orders import Orders

meta = metadata("licensing")
feed = Feed(meta)
acts = idempotency.table(meta)


def _resource() -> list[Column[Any]]:
    return [
        Column("id", Text, primary_key=True),
        Column("organization_id", Text, nullable=False),
        Column("external_id", Text),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
    ]


declaration = Table(
    "declaration",
    meta,
    *_resource(),
    Column("keeper_uscc", Text),
    Column("patent_id", Text, nullable=False),
    Column("patent", JSONB, nullable=False),  # title, number, type, holders: as they were at the last act
    Column("expiry_date", Date),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("filed_on", Date),
    Column("announcement_number", Text),
    Column("announced_on", Date),
    Column("withdrawal_filed_on", Date),
    Column("withdrawal_announced_on", Date),
    Column("patent_ended_on", Date),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    # One declaration of a patent at a time, from its filing until its end: OL-ONE.
    Index(
        "uq_declaration_live",
        "patent_id",
        unique=True,
        postgresql_where=text("state IN ('FILED', 'ANNOUNCED', 'WITHDRAWAL_FILED')"),
    ),
    Index("ix_declaration_created_at", "created_at", "id"),
    Index("ix_declaration_patent_id", "patent_id"),
)

declaration_consent = Table(
    "declaration_consent",
    meta,
    Column("id", Text, primary_key=True),
    Column("declaration_id", Text, ForeignKey("licensing.declaration.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("party_uscc", Text),
    Column("concerns", Text, nullable=False),  # DECLARATION or WITHDRAWAL
    Column("given_on", Date, nullable=False),
    Column("revoked_on", Date),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
)

act = Table(
    "act",
    meta,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False, index=True),  # a declaration, request, payment or license
    Column("act", Text, nullable=False),
    Column("on", Date, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("organization_id", Text),  # for whom
    Column("actor_id", Text),  # the delegate, where one acted
    Column("detail", JSONB, nullable=False),
)

request = Table(
    "request",
    meta,
    *_resource(),
    Column("declaration_id", Text, ForeignKey("licensing.declaration.id"), nullable=False, index=True),
    Column("patent_id", Text, nullable=False),
    Column("licensor_id", Text, nullable=False),
    Column("intended_use", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("due_fen", BigInteger, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
    Column("payment_due_on", Date, nullable=False),
    Column("cancelled_on", Date),
    Column("license_id", Text),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_request_organization_id", "organization_id", "created_at", "id"),
    Index("ix_request_licensor_id", "licensor_id", "created_at", "id"),
)

payment = Table(
    "payment",
    meta,
    *_resource(),
    Column("payee_id", Text, nullable=False),
    Column("request_id", Text, ForeignKey("licensing.request.id")),
    Column("license_id", Text, ForeignKey("licensing.license.id")),
    Column("item_id", Text),
    Column("fen", BigInteger, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("answer_by", Date),  # after this day the payee's silence settles it; None where it counts for nothing
    Column("settled_by", Text),
    Column("reported", JSONB),  # what the payer said, where a provider found something else
    Column("refunded_fen", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("num_nonnulls(request_id, license_id) = 1", name="of_one"),
    CheckConstraint("refunded_fen BETWEEN 0 AND fen", name="refunded_once"),
    Index("ix_payment_answer_by", "answer_by", postgresql_where=text("state = 'REPORTED'")),
    *(
        Index(f"uq_payment_{of}_reference", of, "reference", unique=True, postgresql_where=text("state <> 'WITHDRAWN'"))
        for of in ("request_id", "license_id")
    ),
)

refund = Table(
    "refund",
    meta,
    *_resource(),
    Column("payment_id", Text, ForeignKey("licensing.payment.id"), nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    UniqueConstraint("payment_id", "reference"),
)

payment_provider = Table(
    "payment_provider",
    meta,
    *_resource(),
    Column("name", Text, nullable=False),
    Column("payee_ids", ARRAY(Text)),
    Column("secret", LargeBinary, nullable=False),  # sealed: a signature is checked with the secret itself
    Column("previous_secret", LargeBinary),
    Column("previous_until", DateTime(timezone=True)),
    Column("retired_at", DateTime(timezone=True)),
)

settlement_rule = Table(
    "settlement_rule",
    meta,
    *_resource(),
    Column("signatory", JSONB, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Index("uq_settlement_rule_standing", "organization_id", unique=True, postgresql_where=text("revoked_at IS NULL")),
)

# What the operator knows of days beside the shipped calendar, and figures with the day from which on they count.
calendar_day = Table(
    "calendar_day",
    meta,
    Column("day", Date, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
)

policy = Table(
    "policy",
    meta,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("source", Text, nullable=False),
)

license_ = Table(
    "license",
    meta,
    *_resource(),
    Column("licensor_id", Text, nullable=False),
    Column("licensors", JSONB, nullable=False),
    Column("licensee", JSONB),  # as the contract names it
    Column("patent_ids", ARRAY(Text), nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source_id", Text, nullable=False, unique=True),
    Column("license_type", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("begins_on", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("agreed_on", Date, nullable=False),
    Column("document_sha256", Text),
    Column("sign_by", Date),
    Column("given_up_on", Date),  # agreed, and never signed
    Column("effective_on", Date),
    Column("patent_ended_on", Date),  # as catalog has told us: of the first of its patents that is gone
    Column("royalty_from", Date),  # None while nothing is reported: before the effect, in a trial
    Column("terminated_on", Date),
    Column("recordal_due_on", Date),
    Column("is_sample", Boolean, nullable=False),
    Index("ix_license_organization_id", "organization_id", "created_at", "id"),
    Index("ix_license_licensor_id", "licensor_id", "created_at", "id"),
    Index("ix_license_patent_ids", "patent_ids", postgresql_using="gin"),
)

# The document that was agreed on, as it was made then: what is signed does not change with its template.
paper = Table(
    "paper",
    meta,
    Column("license_id", Text, ForeignKey("licensing.license.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("facts", JSONB, nullable=False),  # for the same in other forms and languages
)

# What a license, a contract to be signed or a live declaration occupies: no two rows may meet if one is alone there.
# `claim` is a point of its own for whoever tolerates others, everything for a sole or exclusive license. Patents are
# compared as ranges of one text, because GiST has no operator for text itself without an extension.
ALONE = "ex_scope_cell_alone"
scope_cell = Table(
    "scope_cell",
    meta,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("holder_id", Text, nullable=False, index=True),
    Column("patent_id", Text, nullable=False, index=True),
    Column("regions", INT4RANGE, nullable=False),
    Column("classes", INT4RANGE, nullable=False),
    Column("period", DATERANGE, nullable=False),
    Column("claim", INT8RANGE, nullable=False),
    ExcludeConstraint(
        (text("licensing.textrange(patent_id, patent_id, '[]')"), "&&"),
        ("regions", "&&"),
        ("classes", "&&"),
        ("period", "&&"),
        ("claim", "&&"),
        name=ALONE,
        using="gist",
    ),
)

# What a license costs, when: known when it takes effect, or from a royalty report.
due_item = Table(
    "due_item",
    meta,
    Column("id", Text, primary_key=True),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("due_on", Date, nullable=False),
)

demand = Table(
    "demand",
    meta,
    *_resource(),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False, index=True),
    Column("item_ids", ARRAY(Text), nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("demanded_on", Date, nullable=False),
    Column("pay_by", Date, nullable=False),
    Column("note", Text),
    Column("document_ids", ARRAY(Text), nullable=False),
)

royalty_report = Table(
    "royalty_report",
    meta,
    *_resource(),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("base_fen", BigInteger, nullable=False),
    Column("royalty_fen", BigInteger, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("note", Text),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    # One report of a period counts; one that was contested makes room for the next.
    Index(
        "uq_royalty_report_period",
        "license_id",
        "first_day",
        unique=True,
        postgresql_where=text("state <> 'CONTESTED'"),
    ),
)

inquiry = Table(
    "inquiry",
    meta,
    *_resource(),
    Column("licensee_name", Text, nullable=False),
    Column("licensor_id", Text, nullable=False),
    Column("listing_id", Text, nullable=False),
    Column("need_id", Text),
    Column("patents", JSONB, nullable=False),
    Column("is_anonymized", Boolean, nullable=False),
    Column("disclosed_at", DateTime(timezone=True)),
    Column("closed_on", Date),
    Column("closed_reason", Text),
    Column("has_offers", Boolean, nullable=False),
    Column("license_id", Text),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_inquiry_organization_id", "organization_id", "created_at", "id"),
    Index("ix_inquiry_licensor_id", "licensor_id", "created_at", "id"),
)

message = Table(
    "message",
    meta,
    Column("id", Text, primary_key=True),
    Column("inquiry_id", Text, ForeignKey("licensing.inquiry.id"), nullable=False, index=True),
    Column("side", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

offer = Table(
    "offer",
    meta,
    *_resource(),
    Column("inquiry_id", Text, ForeignKey("licensing.inquiry.id"), nullable=False),
    Column("side", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("valid_until", Date, nullable=False),
    Column("is_fixed", Boolean, nullable=False),
    Column("in_reply_to", Text),
    Column("answer", Text),
    Column("reason", Text),
    Column("license_id", Text),
    UniqueConstraint("organization_id", "external_id"),
    # One offer stands at a time; one that ran out is marked so when the next is made.
    Index("uq_offer_standing", "inquiry_id", unique=True, postgresql_where=text("answer IS NULL")),
    Index("ix_offer_inquiry_id", "inquiry_id", "created_at"),
)

quick_offer = Table(
    "quick_offer",
    meta,
    *_resource(),
    Column("keeper_uscc", Text),
    Column("patents", JSONB, nullable=False),
    Column("patent_ids", ARRAY(Text), nullable=False),
    Column("holders", JSONB, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_quick_offer_created_at", "created_at", "id"),
)

quick_request = Table(
    "quick_request",
    meta,
    *_resource(),
    Column("licensor_id", Text, nullable=False),
    Column("offer_id", Text, ForeignKey("licensing.quick_offer.id"), nullable=False, index=True),
    Column("intended_use", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False),
    Column("begun_on", Date, nullable=False),
    Column("trial_ends_on", Date, nullable=False),
    Column("until", Date, nullable=False),  # if converted
    Column("converted_on", Date),
    Column("first_sale_on", Date),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_quick_request_organization_id", "organization_id", "created_at", "id"),
    Index("ix_quick_request_licensor_id", "licensor_id", "created_at", "id"),
)

# What catalog has told of patents that are licensed or declared here, for the deadlines that hang on it.
patent_fact = Table(
    "patent_fact",
    meta,
    Column("patent_id", Text, primary_key=True),
    Column("fees_paid_until", Date),
    Column("grace_ends_on", Date),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

# Orders that keep a party from new deals, as oversight's feed has told.
orders = Orders(meta)

# Who was reminded of what: once.
reminder = Table(
    "reminder",
    meta,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("due_on", Date, primary_key=True),
    Column("organization_id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

price_publicity = Table(
    "price_publicity",
    meta,
    *_resource(),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False, index=True),
    Column("titles", ARRAY(Text), nullable=False),
    Column("fee", JSONB, nullable=False),
    Column("begun_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("place", Text, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_price_publicity_organization_id", "organization_id", "created_at", "id"),
)

# What a unit has decided about its license income; a rule never changes, a later one takes its place.
benefit_rule = Table(
    "benefit_rule",
    meta,
    *_resource(),
    Column("name", Text, nullable=False),
    Column("persons_rate", Text, nullable=False),
    Column("unit_parts", JSONB, nullable=False),
    Column("published_on", Date, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_benefit_rule_organization_id", "organization_id", "created_at", "id"),
)

distribution = Table(
    "distribution",
    meta,
    *_resource(),
    Column("license_id", Text, ForeignKey("licensing.license.id"), nullable=False, index=True),
    Column("gross_fen", BigInteger, nullable=False),
    Column("common_fen", BigInteger, nullable=False),  # costs that all owners bear
    Column("own_fen", BigInteger, nullable=False),  # the unit's share among the owners
    Column("net_fen", BigInteger, nullable=False),  # that, less the costs of its own
    Column("persons_fen", BigInteger, nullable=False),
    Column("basis", Text, nullable=False),
    Column("persons_rate", Text),
    Column("benefit_rule_id", Text, ForeignKey("licensing.benefit_rule.id")),
    Column("titles", ARRAY(Text), nullable=False),
    Column("deductions", JSONB, nullable=False),
    Column("document_ids", ARRAY(Text), nullable=False),
    Column("approved_on", Date),
    Column("withdrawn_on", Date),
    Column("reason", Text),
    Column("is_sample", Boolean, nullable=False),
    UniqueConstraint("organization_id", "external_id"),
    Index("ix_distribution_organization_id", "organization_id", "created_at", "id"),
)

distribution_part = Table(
    "distribution_part",
    meta,
    Column("id", Text, primary_key=True),
    Column("distribution_id", Text, ForeignKey("licensing.distribution.id"), nullable=False, index=True),
    Column("at", Integer, nullable=False),  # in the order in which they were computed
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uscc", Text, index=True),
    Column("organization_id", Text, index=True),
    Column("inventor_id", Text),
    Column("fen", BigInteger, nullable=False),
    Column("paid_on", Date),
    Column("reference", Text),
    CheckConstraint("fen > 0", name="of_money"),
)

# Double entry: each entry's lines make nothing, which a constraint trigger of the database sees to at commit.
ledger_entry = Table(
    "ledger_entry",
    meta,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("organization_id", Text, nullable=False),  # the payee, whose books these are
    Column("deal_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("on", Date, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_ledger_entry_organization_id", "organization_id", "position"),
    Index("ix_ledger_entry_deal_id", "deal_id", "position"),
)

ledger_line = Table(
    "ledger_line",
    meta,
    Column("entry", BigInteger, ForeignKey("licensing.ledger_entry.position"), primary_key=True),
    Column("at", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("party", Text),
    Column("fen", BigInteger, nullable=False),  # a debit is positive, a credit negative
    CheckConstraint("fen <> 0", name="of_money"),
)


@cache
def by_id(table: Table, lock: Literal["share", "update"] | None = None) -> Select[Any]:
    """The row of an `id`: made once for each table, because making it costs as much as asking it."""
    found = select(table).where(table.c.id == bindparam("id"))
    return found.with_for_update(read=lock == "share") if lock else found


@cache
def new(table: Table) -> ReturningInsert[Any]:
    """A new row, and what has become of it; made once for each table."""
    return insert(table).returning(table)


async def changed(tx: Tx, table: Table, row: Row[Any], now: datetime, **values: Any) -> Row[Any]:
    """A resource's row with other values, as a new version of it."""
    values |= {"version": table.c.version + 1, "updated_at": now}
    made: Row[Any] = (await tx.execute(update(table).where(table.c.id == row.id).values(values).returning(table))).one()
    return made


async def payments_of(tx: Tx, request_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The payments of some requests, oldest first."""
    return await _by(tx, payment, payment.c.request_id, request_ids, payment.c.created_at, payment.c.id)


async def payments_under(tx: Tx, license_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The payments under some licenses, oldest first."""
    return await _by(tx, payment, payment.c.license_id, license_ids, payment.c.created_at, payment.c.id)


async def rule_of(tx: Tx, payee_id: str) -> Row[Any] | None:
    """The agreement of a payee, that stands now, to let its silence settle payments."""
    table = settlement_rule
    statement = select(table).where(table.c.organization_id == payee_id, table.c.revoked_at.is_(None))
    found: Row[Any] | None = (await tx.execute(statement)).first()
    return found


async def refunds_of(tx: Tx, payment_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """What was returned of some payments, oldest first."""
    return await _by(tx, refund, refund.c.payment_id, payment_ids, refund.c.created_at, refund.c.id)


async def demands_of(tx: Tx, license_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The formal demands under some licenses, oldest first."""
    return await _by(tx, demand, demand.c.license_id, license_ids, demand.c.created_at, demand.c.id)


async def dues_of(tx: Tx, license_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The schedules of some licenses, in the order of their days."""
    return await _by(tx, due_item, due_item.c.license_id, license_ids, due_item.c.due_on, due_item.c.id)


async def reports_of(tx: Tx, license_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The royalty reports under some licenses that count, in the order of their periods."""
    table = royalty_report
    counts = table.c.state != "CONTESTED"
    return await _by(tx, table, table.c.license_id, license_ids, table.c.first_day, where=counts)


async def acts_of(tx: Tx, subjects: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """What was done to some things, in order."""
    return await _by(tx, act, act.c.subject, subjects, act.c.position)


async def _by(
    tx: Tx,
    table: Table,
    key: Column[Any],
    keys: Sequence[str],
    *order: Column[Any],
    where: ColumnElement[bool] | None = None,
) -> dict[str, list[Row[Any]]]:
    """Rows of a table by a key of theirs, each list in order."""
    found: dict[str, list[Row[Any]]] = {id_: [] for id_ in keys}
    if not found:
        return found
    statement = select(table).where(key.in_(found), *([] if where is None else [where]))
    for row in await tx.execute(statement.order_by(*order)):
        found[row._mapping[key]].append(row)
    return found


async def parts_of(tx: Tx, distribution_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The parts of some distributions, in order."""
    table = distribution_part
    return await _by(tx, table, table.c.distribution_id, distribution_ids, table.c.at)
