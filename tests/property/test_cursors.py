"""Paging: cursors that cannot be forged, pages that lose and repeat nothing."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from services.matching.models import need
from shared.db import Database
from shared.errors import BadRequest
from shared.paging import Cursors

SECRET = b"0123456789abcdef0123456789abcdef"
SCOPE = ("needs", "org_1", "PUBLISHED")
CURSORS = Cursors(SECRET)
VALUES = st.lists(st.text(max_size=20) | st.integers() | st.booleans() | st.none(), max_size=4)


def refused(cursors: Cursors, scope: tuple[object, ...], cursor: str) -> bool:
    try:
        cursors.read(scope, cursor)
    except BadRequest as no:
        assert no.code == "cursor_invalid"
        return True
    return False


@given(st.lists(st.text("ab\u4e13'\",", max_size=6), max_size=4), VALUES)
def test_a_cursor_gives_back_what_it_was_made_of(scope: list[str], values: list[object]) -> None:
    cursor = CURSORS.make(scope, values)
    assert CURSORS.read(scope, cursor) == values
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


def test_an_instant_in_a_cursor_keeps_its_microseconds() -> None:
    at = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)
    (text, id_) = CURSORS.read(SCOPE, CURSORS.make(SCOPE, [at, "ned_1"]))
    assert (datetime.fromisoformat(text), id_) == (at, "ned_1")


@settings(max_examples=50)
@given(VALUES, st.data())
def test_no_changed_byte_goes_unnoticed(values: list[object], data: st.DataObject) -> None:
    cursor = CURSORS.make(SCOPE, values)
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    at, flip = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    forged = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
    assert refused(CURSORS, SCOPE, base64.urlsafe_b64encode(forged).rstrip(b"=").decode())
    cut = data.draw(st.integers(0, len(raw) - 1))
    assert refused(CURSORS, SCOPE, base64.urlsafe_b64encode(raw[:cut]).rstrip(b"=").decode())
    longer = base64.urlsafe_b64encode(raw + b"0").rstrip(b"=").decode()
    assert refused(CURSORS, SCOPE, longer)


@pytest.mark.parametrize(
    "scope",
    [
        ("needs", "org_2", "PUBLISHED"),
        ("listings", "org_1", "PUBLISHED"),
        ("needs", "org_1"),
        (),
        ("needs,org_1", "PUBLISHED"),
    ],
)
def test_a_cursor_is_good_for_its_own_list_only(scope: tuple[object, ...]) -> None:
    assert refused(CURSORS, scope, CURSORS.make(SCOPE, ["a", 1]))


def test_a_cursor_of_another_platform_is_refused() -> None:
    assert refused(CURSORS, SCOPE, Cursors(b"another secret of thirty-two byte").make(SCOPE, ["a", 1]))


@given(
    st.text(max_size=80)
    | st.text("ABCDabcd0189-_", min_size=20, max_size=120)
    | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_garbage_is_refused_as_a_bad_request(cursor: str) -> None:
    assert refused(CURSORS, SCOPE, cursor)


def _row(number: int, owner: str, at: datetime) -> dict[str, object]:
    return {
        "id": f"ned_{number}",
        "organization_id": owner,
        "created_at": at,
        "updated_at": at,
        "visibility": "PUBLIC",
        "need_version": 1,
        "state": "DRAFT",
    }


@pytest.mark.anyio
@pytest.mark.parametrize("falling", [True, False])
async def test_pages_show_each_row_once_while_others_are_written(
    new_database: Callable[..., str], falling: bool
) -> None:
    """Many rows share an instant, and rows go on being written before, between and after the pages."""
    db = Database(new_database(), "matching")
    dice = random.Random(20240630)
    start = datetime(2024, 6, 30, tzinfo=UTC)
    serial = iter(dice.sample(range(10**6), 10**4))

    async def write(owner: str, count: int) -> set[str]:
        rows = [_row(next(serial), owner, start + timedelta(microseconds=dice.randrange(7))) for _ in range(count)]
        async with db.write() as tx:
            if rows:
                await tx.execute(insert(need), rows)
        return {str(row["id"]) for row in rows}

    try:
        for case in range(12):
            owner, limit = f"org_{case}", dice.randint(1, 6)
            there_from_the_start, later = await write(owner, dice.randint(0, 25)), set()
            await write("org_stranger", 3)
            seen: list[tuple[datetime, str]] = []
            after: str | None = None
            while True:
                key = (need.c.created_at, need.c.id)
                statement = select(*key).where(need.c.organization_id == owner)
                async with db.read() as tx:
                    rows, after = await CURSORS.page(tx, statement, key, (owner,), after, limit, falling=falling)
                assert len(rows) == limit or after is None
                seen += [(row.created_at, row.id) for row in rows]
                if after is None:
                    break
                later |= await write(owner, dice.randint(0, 2)) if len(later) < 20 else set()

            ids = [id_ for _, id_ in seen]
            assert len(ids) == len(set(ids))
            assert there_from_the_start <= set(ids) <= there_from_the_start | later
            assert seen == sorted(seen, reverse=falling)
    finally:
        await db.close()
