"""A crowd that wants one patent alone: some at a time, in the order in which it came."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from services.licensing.rules.scope import Rival, scope_is_free
from services.licensing.service.scopes import Turns
from shared.contracts.catalog import LicenseType
from shared.rulebook import Refusal

pytestmark = pytest.mark.anyio


async def test_few_are_at_it_at_once_in_the_order_in_which_they_came() -> None:
    turns, at_work, most, served = Turns(at_once=2), 0, 0, list[int]()

    async def want(number: int) -> None:
        nonlocal at_work, most
        async with turns.of(["b", "a"] if number % 2 else ["a", "b"], "all") as lost:  # the same patents
            assert lost is None
            at_work += 1
            most = max(most, at_work)
            served.append(number)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(want(number) for number in range(50)))
    assert (most, served) == (2, list(range(50)))


async def test_other_patents_and_a_turn_that_failed_or_was_left_hold_up_nobody() -> None:
    turns = Turns(at_once=1)
    async with turns.of(["a"], "all"):
        async with asyncio.timeout(1), turns.of(["b"], "all") as lost:
            assert lost is None
        leaving = asyncio.create_task(turns.of(["a"], "all").__aenter__())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    with pytest.raises(LookupError):
        async with turns.of(["a"], "all"):
            raise LookupError
    async with asyncio.timeout(1), turns.of(["a"], "all") as lost:
        assert lost is None


async def test_what_one_finds_lost_all_hear_who_wait_for_the_same_and_nobody_else() -> None:
    turns, heard = Turns(at_once=1), dict[int, Refusal | None]()
    lost = scope_is_free(LicenseType.EXCLUSIVE, [Rival(LicenseType.EXCLUSIVE, True, date(2030, 1, 1))])
    assert lost is not None

    async def want(number: int) -> None:
        async with turns.of(["a"], "this year" if number % 2 else "next year") as told:
            heard[number] = told

    async with turns.of(["a"], "this year"):
        waiting = [asyncio.create_task(want(number)) for number in range(6)]
        await asyncio.sleep(0)
        turns.tell(["a"], "this year", lost)
        late = asyncio.create_task(want(7))
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting, late)
    assert heard == {1: lost, 3: lost, 5: lost, 0: None, 2: None, 4: None, 7: None}


async def test_a_turn_that_comes_to_whoever_has_just_left_goes_to_the_next() -> None:
    turns, served = Turns(at_once=1), list[int]()

    async def want(number: int) -> None:
        async with turns.of(["a"], "all"):
            served.append(number)

    async with turns.of(["a"], "all"):
        first, second = (asyncio.create_task(want(number)) for number in (1, 2))
        await asyncio.sleep(0)
    first.cancel()  # its turn has come, and it has not run yet
    async with asyncio.timeout(1):
        await asyncio.gather(first, second, return_exceptions=True)
    assert served == [2]
