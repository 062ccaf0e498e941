"""Codes in filters: whether there is such a region, industry or class, by catalog's reference tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.matching import rules
from shared.contracts.matching import Filters, NeedsQuery, RunNeeds
from shared.errors import InvalidInput, Unavailable

Known = Callable[[str, str], Awaitable[bool]]
_TABLES = {"region_code": "regions", "industry_code": "industries", "ipc": "ipc"}
_SUBCLASS, _DIVISION = 4, 3
_KEPT_MOST = 20_000


class Codes:
    """Asks catalog once for each code that it has not seen; what exists goes on existing."""

    def __init__(self, known: Known) -> None:
        self._known, self._seen = known, set[tuple[str, str]]()

    async def check(self, filters: Filters | NeedsQuery | RunNeeds, pointer: str = "") -> None:
        """Raises: InvalidInput MT-CODE, for a code that no table holds. While catalog is away any code will do."""
        for name, table in _TABLES.items():
            code = getattr(filters, name, None)
            if code is None or (name == "ipc" and not code[0].isalpha()):  # a Locarno class
                continue
            sought = (table, code[: {"ipc": _SUBCLASS, "industry_code": _DIVISION}.get(name)])
            if sought in self._seen:
                continue
            try:
                is_known = await self._known(*sought)
            except Unavailable:
                return
            if not is_known:
                no = rules.unknown_code(name, code)
                violation = no.violation().at(f"{pointer}/{name}")
                raise InvalidInput(no.message.en, no.message.zh, code="unknown_code", violations=(violation,))
            if len(self._seen) < _KEPT_MOST:
                self._seen.add(sought)
