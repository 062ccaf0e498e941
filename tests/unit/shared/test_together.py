from __future__ import annotations

import asyncio

import pytest

from shared import context
from shared.together import TRIP_MOST, Together

pytestmark = pytest.mark.anyio


class Trips:
    """A source that remembers what each trip asked, and lets trips end one by one."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_end = asyncio.Semaphore(0)

    async def fetch(self, keys: list[int]) -> dict[int, str]:
        self.asked.append(keys)
        await self.may_end.acquire()
        return {key: str(key) for key in keys if key >= 0}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_alone_nobody_waits_and_together_one_trip_carries_all() -> None:
    trips = Trips()
    read = Together(trips.fetch, trips=1)
    first = asyncio.create_task(read.get(1))
    await settle()
    others = [asyncio.create_task(read.get(key)) for key in (2, 3, 2, -1)]
    await settle()
    assert trips.asked == [[1]]
    trips.may_end.release()
    assert await first == "1"
    await settle()
    assert trips.asked == [[1], [2, 3, -1]]
    trips.may_end.release()
    assert await asyncio.gather(*others) == ["2", "3", "2", None]


async def test_a_trip_under_way_is_not_boarded_so_no_answer_is_older_than_its_question() -> None:
    trips = Trips()
    read = Together(trips.fetch, trips=2)
    early = asyncio.create_task(read.get(7))
    await settle()
    late = asyncio.create_task(read.get(7))
    await settle()
    assert trips.asked == [[7], [7]]
    trips.may_end.release()
    trips.may_end.release()
    assert await asyncio.gather(early, late) == ["7", "7"]


async def test_nobodys_deadline_or_language_travels_with_the_others() -> None:
    spoken: list[tuple[int, str]] = []

    async def fetch(keys: list[int]) -> dict[int, str]:
        spoken.append((*keys, context.language.get()))
        await asyncio.sleep(0)
        return {key: f"{context.left_s(1000.0)}" for key in keys}

    async def ask(key: int) -> str | None:
        context.language.set("zh")
        context.give(1.0)
        return await read.get(key)

    read = Together(fetch, trips=1, seats=1)
    assert await asyncio.gather(asyncio.create_task(ask(1)), asyncio.create_task(ask(2))) == ["1000.0", "1000.0"]
    assert spoken == [(1, "en"), (2, "en")]


async def test_with_one_seat_nobody_waits_for_a_dear_key_nor_fails_with_it() -> None:
    gate = asyncio.Event()

    async def fetch(keys: list[str]) -> dict[str, str]:
        (key,) = keys
        if key == "dear":
            await gate.wait()
            raise ConnectionError(key)
        return {key: key}

    read = Together(fetch, trips=2, seats=1)
    dear, same = (asyncio.create_task(read.get("dear")) for _ in range(2))
    assert await asyncio.wait_for(asyncio.gather(*(read.get(str(key)) for key in range(5))), 5) == list("01234")
    gate.set()
    with pytest.raises(ConnectionError):
        await dear
    with pytest.raises(ConnectionError):
        await same


async def test_a_failed_trip_fails_those_on_it_and_the_next_one_goes() -> None:
    broken = True

    async def fetch(keys: list[int]) -> dict[int, str]:
        await asyncio.sleep(0)
        if broken:
            raise ConnectionError("away")
        return dict.fromkeys(keys, "here")

    read = Together(fetch, trips=1)
    answers = await asyncio.gather(*(read.get(key) for key in range(3)), return_exceptions=True)
    assert all(isinstance(answer, ConnectionError) for answer in answers)
    broken = False
    assert await read.get(1) == "here"


async def test_who_leaves_takes_nobodys_answer_away() -> None:
    trips = Trips()
    read = Together(trips.fetch, trips=1)
    leaving, staying = (asyncio.create_task(read.get(5)) for _ in range(2))
    await settle()
    leaving.cancel()
    trips.may_end.release()
    trips.may_end.release()
    assert await staying == "5"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_trip_has_a_size() -> None:
    trips = Trips()
    read = Together(trips.fetch, trips=1)
    everyone = [asyncio.create_task(read.get(key)) for key in range(2 * TRIP_MOST + 1)]
    for _ in range(4):
        trips.may_end.release()
    assert await asyncio.gather(*everyone) == [str(key) for key in range(2 * TRIP_MOST + 1)]
    assert max(map(len, trips.asked)) == TRIP_MOST
