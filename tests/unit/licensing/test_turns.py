"""A crowd that wants one patent alone: some at a time, in the order in which it came."""

from __future__ import annotations

import asyncio

import pytest

from services.licensing.service.scopes import Turns

pytestmark = pytest.mark.anyio


async def test_few_are_at_it_at_once_in_the_order_in_which_they_came() -> None:
    turns, at_work, most, served = Turns(at_once=2), 0, 0, list[int]()

    async def want(number: int) -> None:
        nonlocal at_work, most
        async with turns.of(["b", "a"] if number % 2 else ["a", "b"]):  # the same patents
            at_work += 1
            most = max(most, at_work)
            served.append(number)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(want(number) for number in range(50)))
    assert (most, served) == (2, list(range(50)))


async def test_other_patents_and_a_turn_that_failed_or_was_left_hold_up_nobody() -> None:
    turns = Turns(at_once=1)
    async with turns.of(["a"]):
        async with asyncio.timeout(1), turns.of(["b"]):
            pass
        leaving = asyncio.create_task(turns.of(["a"]).__aenter__())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    with pytest.raises(LookupError):
        async with turns.of(["a"]):
            raise LookupError
    async with asyncio.timeout(1), turns.of(["a"]):
        pass
