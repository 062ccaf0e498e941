"""Supervised loops: work without a request, restarted with back-off, its health told to /readyz."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared import log, metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 10.0


class Poisoned(Exception):
    """An input that this loop can never digest: it stops, red, until the operator decides."""


@dataclass
class Loop:
    """A coroutine function that runs for ever, and how it fares."""

    name: str
    run: Callable[[], Awaitable[None]]
    trouble: str | None = field(default="not started", init=False)


class Loops:
    """All loops of one service."""

    def __init__(self, service: str) -> None:
        self._service, self._loops, self._log = service, list[Loop](), log.logger(service)

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Register before the service starts."""
        self._loops.append(Loop(name, run))

    def trouble(self) -> dict[str, str]:
        """Loops that do not run, with the reason."""
        return {loop.name: loop.trouble for loop in self._loops if loop.trouble is not None}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all loops until the block ends."""
        tasks = [asyncio.create_task(self._keep(loop), name=f"{self._service}:{loop.name}") for loop in self._loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, loop: Loop) -> None:
        gauge = metrics.loop_healthy.labels(self._service, loop.name)
        pause_s = BACKOFF_FIRST_S
        while True:
            loop.trouble = None
            gauge.set(1)
            started = asyncio.get_running_loop().time()
            try:
                await loop.run()
                return
            except Poisoned as poison:
                loop.trouble = str(poison)
                gauge.set(0)
                self._log.error("loop stopped", loop=loop.name, reason=str(poison))
                return
            except Exception as error:  # supervision is this function's whole purpose: logged, red, restarted
                loop.trouble = f"{type(error).__name__}: {error}"
                gauge.set(0)
                self._log.warning("loop failed", loop=loop.name, error=loop.trouble, retry_in_s=round(pause_s, 2))
            if asyncio.get_running_loop().time() - started > BACKOFF_MOST_S:
                pause_s = BACKOFF_FIRST_S
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause_s = min(2 * pause_s, BACKOFF_MOST_S)
