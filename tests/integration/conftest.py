"""One event loop for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="session", autouse=True)
async def one_loop(anyio_backend: object) -> AsyncIterator[None]:
    """A feed's wake-up belongs to the loop that first waited for it, as in a process that has only one."""
    yield
