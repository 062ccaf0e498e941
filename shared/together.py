"""Reads of single rows that travel together: what is asked while one trip is under way goes with the next.

Under load a hot read so costs a share of a round trip instead of one of its own; alone it waits for
nobody. A trip starts after everything on it was asked, so that an answer is never older than its question.
It belongs to nobody: it runs in a context of its own, and nobody's deadline or language travels with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

TRIP_MOST = 64


class Together(Generic[K, V]):
    """Finds values by key through `fetch`, which takes many keys at once and leaves out unknown ones.

    At most `trips` fetches run at the same time, each for at most `seats` keys: one where some keys are dear, for
    then nobody waits for another's, and none is fetched twice at once. A failed trip fails everybody on it, with
    its exception.
    """

    def __init__(
        self, fetch: Callable[[list[K]], Awaitable[Mapping[K, V]]], trips: int = 2, seats: int = TRIP_MOST
    ) -> None:
        self._fetch, self._free, self._seats = fetch, trips, seats
        self._under_way = set[K]()
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The value, as it was at some moment after this call; None when there is none."""
        found = self._waiting.get(key)
        if found is None:
            found = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._depart()
        return await asyncio.shield(found)  # whoever leaves does not take the others' answer away

    def _depart(self) -> None:
        while self._free:
            ready = (key for key in self._waiting if self._seats > 1 or key not in self._under_way)
            keys = list(islice(ready, self._seats))
            if not keys:
                return
            asked = {key: self._waiting.pop(key) for key in keys}
            self._under_way.update(keys)
            self._free -= 1
            # In a context of its own: a trip is nobody's, and ends at nobody's deadline.
            task = asyncio.create_task(self._trip(asked), context=Context())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _trip(self, asked: dict[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._fetch(list(asked))
            for key, answer in asked.items():
                answer.set_result(found.get(key))
        except Exception as error:
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # seen, also when nobody waits any more
        finally:
            for answer in asked.values():
                answer.cancel()  # only where nothing was set: the loop is being closed
            self._under_way.difference_update(asked)
            self._free += 1
            self._depart()
