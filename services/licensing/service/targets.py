"""Patents as catalog knows them and orders against parties, asked afresh; and the documents that acts rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from shared import context
from shared.auth import Caller
from shared.clients import CatalogClient, OversightClient, RegisterClient
from shared.contracts.catalog import (
    Act,
    DealQuery,
    DealTarget,
    GivenConsent,
    Holder,
    HoldingCount,
    LicenseType,
    Listing,
    WantedScope,
)
from shared.contracts.feed import FeedPage
from shared.contracts.gateway import PartyOut
from shared.contracts.oversight import PartyOrder
from shared.contracts.wire import ViolationOut
from shared.errors import Language, RuleRefused, Text, Violation
from shared.rulebook import Refusal
from shared.together import Together

ACT_OF = {
    LicenseType.ORDINARY: Act.ORDINARY_LICENSE,
    LicenseType.SOLE: Act.SOLE_LICENSE,
    LicenseType.EXCLUSIVE: Act.EXCLUSIVE_LICENSE,
}


_MANY = 50  # patents that catalog is asked about at once
ASKED_AT_ONCE = 16


class Targets:
    """Asks catalog, the gateway and oversight."""

    def __init__(self, catalog: CatalogClient, register: RegisterClient, oversight: OversightClient) -> None:
        self._catalog, self._register, self._oversight = catalog, register, oversight
        self._orders = Together(self._orders_against, trips=1)
        # A crowd that wants one patent asks once: each of them hears what was so after its own question.
        self._deals = Together(self._deal, trips=ASKED_AT_ONCE, seats=1)

    async def of(self, patent_id: str, act: Act, given: Sequence[GivenConsent] = ()) -> DealTarget:
        """A patent as it stands now, and what is against an act with it. Raises: NotFound; Unavailable."""
        return (await self._ask(DealQuery(patent_ids=[patent_id], act=act, given=list(given))))[0]

    async def licensed(
        self, patent_ids: Sequence[str], type_: LicenseType, scope: WantedScope, *, is_new: bool = False
    ) -> list[DealTarget]:
        """Patents as they stand now, and what is against licensing them so. Raises: NotFound; Unavailable.

        Codes of regions are judged where a scope is written (`is_new`): who has agreed to it can no longer mend it.
        """
        asked = await self._ask(DealQuery(patent_ids=list(patent_ids), act=ACT_OF[type_], scope=scope))
        return asked if is_new else [_without_regions(one) for one in asked]

    async def _ask(self, query: DealQuery) -> list[DealTarget]:
        found = await self._deals.get((query.model_dump_json(exclude_unset=True), context.language.get()))
        assert found is not None, "a trip that succeeds answers what it was asked"
        return found

    async def _deal(self, keys: list[tuple[str, Language]]) -> dict[tuple[str, Language], list[DealTarget]]:
        ((asked, language),) = keys
        context.language.set(language)
        return {keys[0]: await self._catalog.deal(DealQuery.model_validate_json(asked))}

    async def named(self, patent_ids: Sequence[str]) -> list[DealTarget]:
        """Patents as they are named now; those that are no longer on record are left out. Raises: Unavailable."""
        found: list[DealTarget] = []
        for at in range(0, len(patent_ids), _MANY):
            some = list(patent_ids[at : at + _MANY])
            found += await self._catalog.deal(DealQuery(patent_ids=some, act=Act.LISTING, must_be_there=False))
        return found

    async def holdings(self, organization_id: str, year: int) -> list[HoldingCount]:
        """How many patents an organization keeps on record, by type. Raises: Unavailable."""
        return await self._catalog.holdings(organization_id, year)

    async def changes(self, after: int, *, types: Sequence[str]) -> FeedPage:
        """Catalog's feed. Raises: Unavailable."""
        return await self._catalog.changes(after, types=types)

    async def orders(self, organization_ids: Iterable[str | None]) -> list[PartyOrder]:
        """The orders that stand against some parties at this moment. Raises: Unavailable.

        Asked before every act that cannot be taken back: who asks while a question is under way shares the next.
        """
        ids = sorted({id_ for id_ in organization_ids if id_})
        return [order for found in await asyncio.gather(*map(self._orders.get, ids)) for order in found or ()]

    async def _orders_against(self, ids: list[str]) -> Mapping[str, list[PartyOrder]]:
        found: dict[str, list[PartyOrder]] = {}
        for order in await self._oversight.orders(ids):
            found.setdefault(order.organization_id, []).append(order)
        return found

    async def listing(self, id_: str) -> Listing:
        """A published listing. Raises: NotFound; Unavailable."""
        return await self._catalog.listing(id_)

    async def parties(self, ids: Sequence[str]) -> dict[str, PartyOut]:
        """Organizations as the gateway knows them now, by id. Raises: Unavailable."""
        return await self._register.parties(ids)

    async def check_documents(self, ids: Sequence[str], by: Caller) -> None:
        """Every document that an act names was uploaded by whoever acts. Raises: InvalidInput; Unavailable."""
        await self._register.check_documents(ids, by)


def coded(target: DealTarget) -> list[Holder]:
    """The holders of a patent, the keeper of its record with the credit code that we know of it."""
    others = [one.model_dump() for one in target.others]
    return [
        one if one.uscc or one.model_dump() in others else one.model_copy(update={"uscc": target.keeper_uscc})
        for one in target.holders
    ]


def regions_of(asked: Sequence[DealTarget]) -> list[ViolationOut]:
    """What catalog says of the regions of a scope, which it was asked with: the same for every patent."""
    return [no for no in asked[0].violations if no.rule.startswith(_REGION)]


_REGION = "REGION-"


def _without_regions(one: DealTarget) -> DealTarget:
    left = [no for no in one.violations if not no.rule.startswith(_REGION)]
    return one if len(left) == len(one.violations) else one.model_copy(update={"violations": left})


def first_expiry(asked: Sequence[DealTarget]) -> date | None:
    """When the first of some patents ends."""
    return min((one.expiry_date for one in asked if one.expiry_date), default=None)


def raise_unless_acknowledged(
    found: Sequence[ViolationOut], own: Sequence[Refusal], acknowledged: Sequence[str]
) -> None:
    """Refuse what a rule forbids, and what it warns of until that is acknowledged.

    `found` are catalog's reasons, in the reader's language already. Raises: RuleRefused.
    """
    reasons = [*map(_violation, found), *(no.violation() for no in own)]
    blocks = tuple(no for no in reasons if no.severity == "BLOCK")
    warnings = tuple(no for no in reasons if no.severity == "WARN" and no.rule not in acknowledged)
    for code, noes in (("rule_refused", blocks), ("warning", warnings)):
        if noes:
            raise RuleRefused(noes[0].message.en, noes[0].message.zh, code=code, violations=noes)


def _violation(told: ViolationOut) -> Violation:
    def both(text: str | None) -> Text | None:
        return None if text is None else Text(text, text)

    return Violation(
        told.rule,
        Text(told.message, told.message),
        told.severity,
        both(told.legal_basis),
        told.pointer,
        both(told.cure),
    )
