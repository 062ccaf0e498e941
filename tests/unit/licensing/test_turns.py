"""A crowd that wants one patent alone: some at once, the others look again when one is done."""

from __future__ import annotations

import asyncio

import pytest

from services.licensing.service.scopes import Turns

pytestmark = pytest.mark.anyio


async def test_few_are_at_it_at_once_and_whoever_waited_looks_again() -> None:
    turns, at_work, most, looked, is_gone = Turns(at_once=2), 0, 0, 0, False

    async def want(number: int) -> bool:
        nonlocal at_work, most, looked, is_gone
        while True:
            looked += 1
            if is_gone:
                return False
            if not await turns.has_waited(["b", "a"] if number % 2 else ["a", "b"]):  # the same patents
                with turns.taken(["a", "b"]):
                    at_work += 1
                    most = max(most, at_work)
                    await asyncio.sleep(0.01)
                    at_work -= 1
                    is_won, is_gone = not is_gone, True
                    return is_won

    won = await asyncio.gather(*(want(number) for number in range(50)))
    assert (sum(won), most) == (1, 2)
    assert looked == 98  # each once, and the 48 who waited once more: one turn that ends wakes them all
    assert not await turns.has_waited(["a", "b"]), "nothing is left behind"


async def test_other_patents_and_a_turn_that_failed_hold_up_nobody() -> None:
    turns = Turns(at_once=1)
    with turns.taken(["a"]):
        assert not await turns.has_waited(["b"])
        waiting = asyncio.create_task(turns.has_waited(["a"]))
        leaving = asyncio.create_task(turns.has_waited(["a"]))
        await asyncio.sleep(0)
        leaving.cancel()  # whoever leaves takes nobody's turn along
    assert await waiting
    with pytest.raises(LookupError), turns.taken(["a"]):
        raise LookupError
    assert not await turns.has_waited(["a"])
