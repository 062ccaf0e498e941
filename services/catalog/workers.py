"""What catalog does without being asked, and the process in which it imports."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from contextlib import suppress

from services.catalog.service import Catalog, Holdings
from services.catalog.service.writer import Instructions
from shared import log
from shared.clock import SystemClock
from shared.db import Database
from shared.errors import Problem
from shared.loops import Loops


def loops(catalog: Catalog) -> Loops:
    """Imports, screenings, what a new day changes, what deals leave on record, suppliers that may not deal; feed wake-ups, and the tidying of what retention has ended."""
    found = Loops("catalog")
    found.add("imports", catalog.imports.work)
    found.add("screenings", catalog.screenings.work)
    found.add("aging", catalog.listings.age)
    found.add("deals", catalog.deals.follow)
    found.add("restrictions", catalog.restrictions.follow)
    found.add("market", catalog.restrictions.keep)
    found.add("feed", catalog.listen)
    found.add("tidy", catalog.tidy)
    return found


async def importing() -> int:
    """Import until no job waits, or until whoever told us to is gone; an exit code."""
    stdin = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    told = Instructions.model_validate_json(await stdin.readline())
    log.configure(told.log_level)
    db = Database(told.database_url, "catalog", plans_anew=True)
    # Nobody asks this process for a page or for an answer again: no secret is needed that others know.
    holdings = Holdings(db, told.settings, secrets.token_bytes(32), SystemClock())
    work, gone = asyncio.create_task(holdings.importing.work()), asyncio.create_task(stdin.read())
    try:
        await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    except Exception as error:  # told in one line of ours; whoever started us starts another
        log.logger("catalog").warning("imports broke off", exc_info=None if isinstance(error, Problem) else error)
        return 1
    finally:
        await db.close()
    return 0


if __name__ == "__main__":
    # A terminal's Ctrl-C is for whoever started us to hear, and would kill the reader in the middle. Their session
    # stays ours: Linux weighs `nice` among the processes of one session only.
    os.setpgrp()
    sys.exit(asyncio.run(importing()))
