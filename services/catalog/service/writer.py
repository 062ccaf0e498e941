"""The child that writes imports: started when there is one, and ended with whoever started it.

What an import burns in Python stays out of the process that answers readers. The child has connections of
its own; it ends when its stdin does, so that it outlives nobody, however its parent ended.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from services.catalog.settings import CatalogSettings
from shared import log

ROOT = Path(__file__).parents[3]
MODULE = "services.catalog.workers"
ENDING_S = 5.0
NICE = 5  # whoever asks the platform something goes first; more would starve imports where all processors are busy


class Instructions(BaseModel):
    """What the child is told on the first line of its stdin."""

    database_url: str
    settings: CatalogSettings
    log_level: str


class Broken(Exception):
    """The child ended before its work did."""


class Writer:
    """Starts the child."""

    def __init__(self, database_url: str, settings: CatalogSettings) -> None:
        self._url, self._settings = database_url, settings

    async def run(self) -> None:
        """Until no import has waited for a while; when the caller is cancelled, the child ends its transaction.

        Raises: Broken, with the child's exit code. What it had not committed is done again by the next.
        """
        told = Instructions(database_url=self._url, settings=self._settings, log_level=log.level())
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, cwd=ROOT, stdin=PIPE, stdout=DEVNULL, stderr=log.stream(),
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert process.stdin is not None
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)  # from its start on, which takes a second of Python
        try:
            with suppress(ConnectionError):  # it died at once: its code tells
                process.stdin.write(told.model_dump_json().encode() + b"\n")
                await process.stdin.drain()
            code = await process.wait()
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), ENDING_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if code:
            raise Broken(f"the process of imports ended with code {code}")
