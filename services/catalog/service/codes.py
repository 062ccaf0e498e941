"""Region codes against the reference table: what use cases ask before they write a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from services.catalog import models
from services.catalog.rules.codes import Region, region_in_use
from shared.db import Tx
from shared.errors import InvalidInput, RuleRefused
from shared.rulebook import Refusal


async def region_doubts(tx: Tx, codes: Iterable[str | None], today: date) -> dict[str, Refusal]:
    """What speaks against region codes, by code: one that no table holds, one that was abolished."""
    wanted = {code for code in codes if code}
    if not wanted:
        return {}
    rows = await models.rows_of(tx, "regions", sorted(wanted))
    heirs = await models.rows_of(tx, "regions", sorted({row.successor for row in rows.values() if row.successor}))
    found = {}
    for code in wanted:
        row = rows.get(code)
        heir = heirs.get(row.successor) if row else None
        region = row and Region(code, row.zh, row.valid_until, (heir.code, heir.zh) if heir else None)
        if no := region_in_use(region, today):
            found[code] = no
    return found


def raise_unless_acknowledged(found: Sequence[Refusal], acknowledged: Sequence[str]) -> None:
    """Raises: InvalidInput with what blocks; otherwise RuleRefused with the warnings that were not acknowledged."""
    if blocks := [no for no in found if no.severity == "BLOCK"]:
        first = blocks[0].message
        raise InvalidInput(first.en, first.zh, violations=tuple(no.violation() for no in blocks))
    if warnings := [no for no in found if no.rule not in acknowledged]:
        first = warnings[0].message
        raise RuleRefused(first.en, first.zh, code="warning", violations=tuple(no.violation() for no in warnings))
