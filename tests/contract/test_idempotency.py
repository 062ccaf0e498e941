"""One key, one effect, one answer: along every POST that honors an Idempotency-Key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from services.catalog import models as catalog_models
from services.catalog.service.deals import FEED, HEARD
from services.matching import models
from services.matching.engine import MIX
from shared.contracts.access import Relation
from shared.ids import new_id
from tests import factories
from tests.contract.support import ROUTES, bearing, problem, service_token
from tests.deals import Bank, Case, Talks, a_declaration, a_quick_offer, at
from tests.world import Api, World

pytestmark = pytest.mark.anyio

HONORING = {
    path
    for _, method, path, access in ROUTES
    if method == "POST" and access.is_idempotent and access.relation is not Relation.SERVICE
}


@dataclass
class Call:
    """A POST that succeeds once, and another one that its key must not be taken for."""

    who: Api
    path: str
    request: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=lambda: {"json": {"another": "body"}})


Made = Callable[["Furniture"], Awaitable[Call]]


class Furniture:
    """Makes what an act needs before it can be done."""

    def __init__(self, world: World, operator: Api, owner: Api, delegate: Api) -> None:
        self.world, self.operator, self.owner, self.delegate = world, operator, owner, delegate

    async def listing(self, *acts: str) -> str:
        patent = await self.owner.made("/v1/patents", factories.a_patent())
        listing = await self.owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
        for act in acts:
            who = self.owner if act in ("submission", "withdrawal") else self.operator
            await who.made(f"/v1/listings/{listing['id']}/{act}")
        return f"/v1/listings/{listing['id']}"

    async def need(self, *acts: str) -> str:
        need = await self.owner.made("/v1/needs", factories.a_need())
        for act in acts:
            await self.owner.made(f"/v1/needs/{need['id']}/{act}")
        return f"/v1/needs/{need['id']}"

    async def listed(self) -> str:
        """A listing of the sample: on offer and in the index."""
        return str((await self.world.anyone().read("/v1/listings?sample=true"))["items"][0]["id"])

    async def model(self) -> str:
        """A learned mix, and enough feedback to learn another."""
        need_id = (await self.need()).split("/")[-1]
        now = self.world.clock.now()
        learned = {
            "mix": MIX._asdict(), "shipped_mix": MIX._asdict(), "judgments": 300, "needs": 40, "log_loss": 0.5, "shipped_log_loss": 0.6,
        }  # fmt: skip
        values = {"version": 1, "created_at": now, "updated_at": now, "state": "CANDIDATE", "learned": learned}
        id_ = new_id("mdl")
        said = {
            "organization_id": self.owner.organization_id, "need_version": 1, "index_version": "x", "fit": 0.3,
            "at": now, "by": "cli_x",
        }  # fmt: skip
        needs = [need_id, *[(await self.need()).split("/")[-1] for _ in range(39)]]
        rows = [
            {
                **said, "id": new_id("fbk"), "need_id": needs[number % 40], "listing_id": f"lst_{number}",
                "signals": {"words": number % 7 / 7, "characters": number % 5 / 5, "classes": number % 3 / 3},
                "verdict": "NOT_SUITABLE" if number % 2 else "INTERESTED",
                "reason_code": "WRONG_FIELD" if number % 2 else None,
            }
            for number in range(320)
        ]  # fmt: skip
        async with self.world.house.matching.db.write() as tx:
            await tx.execute(insert(models.ranking_model).values(**values, id=id_, trained_on=id_))
            await tx.execute(insert(models.feedback), rows)
        return id_

    async def delegation(self) -> str:
        proposal = {"principal_id": self.owner.organization_id, "scopes": ["needs:read"]}
        return f"/v1/delegations/{(await self.delegate.made('/v1/delegations', proposal))['id']}"

    async def records(self) -> dict[str, Call]:
        """What is recorded on patents and listings, and taken back again."""
        document: dict[str, Any] = {"document_ids": [await self.owner.document()]}
        for _ in range(3):
            await self.owner.made("/v1/patents", factories.a_patent())
        holders = [{"name": "测试大学"}, {"name": "共有人公司"}]
        facts = factories.a_patent(
            application_number=factories.application_number(digit=2), patent_type="UTILITY_MODEL", holders=holders
        )
        patent = "/v1/patents/" + (await self.owner.made("/v1/patents", facts))["id"]
        draft = factories.a_listing(patent_ids=[patent.split("/")[-1]], modes=["SOLE"])
        listing = "/v1/listings/" + (await self.owner.made("/v1/listings", draft))["id"]
        pledge = {"kind": "PLEDGE", "since": "2025-07-01", "party": "某银行", **document}
        report = {"made_on": "2025-08-01", "conclusion": "MEETS", **document}
        consent = {
            "role": "CO_OWNER", "party": "共有人公司", "acts": ["SOLE_LICENSE"], "given_on": "2025-09-01", **document
        }  # fmt: skip
        to_terms = {"terms_version": 1, "party": "共有人公司", "given_on": "2025-09-01", **document}
        clearance = {"cleared_on": "2025-09-01", "cleared_by": {"name": "张三"}, "scope": "摘要与优点", **document}
        release = {"occurred_on": "2025-10-01", **document}
        later = {"occurred_on": "2025-10-02", **document}
        encumbrance = (await self.owner.made(f"{patent}/encumbrances", pledge))["id"]
        given = (await self.owner.made(f"{patent}/consents", consent))["id"]
        agreed = (await self.owner.made(f"{listing}/consents", to_terms))["id"]
        later_found = {"application_number": None, "publication_number": f"CN1{factories.application_number()[5:12]}0B"}
        twin = (await self.owner.made("/v1/patents", factories.a_patent(**later_found)))["id"]
        merged = {"patent_id": twin, "acknowledged_rules": ["PN-DIFFERS"]}
        numbered = (await self.owner.made("/v1/patents", factories.a_patent()))["id"]
        calls = {
            "/v1/patents/{id}/merger": (
                f"/v1/patents/{numbered}/merger", merged, {**merged, "acknowledged_rules": ["PN-OTHER"]}
            ),
            "/v1/patents/{id}/encumbrances": (f"{patent}/encumbrances", pledge, {**pledge, "party": "另一银行"}),
            "/v1/patents/{id}/encumbrances/{encumbrance_id}/release": (
                f"{patent}/encumbrances/{encumbrance}/release", release, later
            ),
            "/v1/patents/{id}/evaluation-reports": (
                f"{patent}/evaluation-reports", report, {**report, "conclusion": "FAILS"}
            ),
            "/v1/patents/{id}/consents": (f"{patent}/consents", consent, {**consent, "acts": ["ASSIGNMENT"]}),
            "/v1/patents/{id}/consents/{consent_id}/revocation": (
                f"{patent}/consents/{given}/revocation", release, later
            ),
            "/v1/listings/{id}/consents": (f"{listing}/consents", to_terms, {**to_terms, "given_on": "2025-09-02"}),
            "/v1/listings/{id}/consents/{consent_id}/revocation": (
                f"{listing}/consents/{agreed}/revocation", release, later
            ),
            "/v1/listings/{id}/secrecy-clearances": (
                f"{listing}/secrecy-clearances", clearance, {**clearance, "scope": "全部"}
            ),
        }  # fmt: skip
        screening = {"criteria": {"demand": False}}
        run = (await self.owner.made("/v1/screening-runs", screening))["id"]
        offered = (await self.owner.made("/v1/patents", factories.a_patent()))["id"]
        campaign = {"name": "盘点", "begins_on": "2026-01-01", "ends_on": "2026-06-30"}
        inventory = "/v1/inventory-campaigns/" + (await self.owner.made("/v1/inventory-campaigns", campaign))["id"]
        ended = "/v1/inventory-campaigns/" + (await self.owner.made("/v1/inventory-campaigns", campaign))["id"]
        rating = {"stars": 4, "rated_by": "机械学院"}
        first, second, third = (
            f"/v1/inventory-items/{item['id']}" for item in (await self.owner.read(f"{inventory}/items"))["items"][:3]
        )
        for item in (second, third):
            await self.owner.made(f"{item}/self-rating", rating)
        await self.owner.made(f"{third}/review", {"stars": 4})
        calls |= {
            "/v1/screening-runs": ("/v1/screening-runs", screening, {**screening, "name": "另一次"}),
            "/v1/screening-runs/{id}/listings": (f"/v1/screening-runs/{run}/listings", {}, {"submit": True}),
            "/v1/listing-batches": (
                "/v1/listing-batches",
                {"patent_ids": [offered]},
                {"patent_ids": [offered], "submit": True},
            ),
            "/v1/inventory-campaigns": ("/v1/inventory-campaigns", campaign, {**campaign, "name": "另一次"}),
            "/v1/inventory-campaigns/{id}/refresh": (f"{inventory}/refresh", None, None),
            "/v1/inventory-campaigns/{id}/closing": (f"{ended}/closing", None, None),
            "/v1/inventory-campaigns/{id}/self-ratings": (
                f"{inventory}/self-ratings",
                {"items": [{"patent": "pat_1", **rating}]},
                {"items": [{"patent": "pat_2", **rating}]},
            ),
            "/v1/inventory-items/{id}/self-rating": (f"{first}/self-rating", rating, {**rating, "stars": 5}),
            "/v1/inventory-items/{id}/review": (f"{second}/review", {"stars": 4}, {"stars": 3, "note": "市场小"}),
            "/v1/inventory-items/{id}/decision": (f"{third}/decision", {"outcome": "KEPT"}, {"outcome": "IN_POOL"}),
        }
        return {
            template: Call(
                self.owner,
                path,
                {} if body is None else {"json": body},
                {"json": {"another": "body"} if other is None else other},
            )
            for template, (path, body, other) in calls.items()
        }

    async def negotiations(self) -> dict[str, Call]:
        """Inquiries, offers and contracts, each in a state in which its act is open."""
        firm = await self.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
        patent = (await self.owner.made("/v1/patents", factories.a_patent()))["id"]
        talks = Talks(self.world, self.operator, self.owner, firm, patent)
        await talks.checked(patent)
        made = await self.owner.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
        talks.listing = made["id"]
        for act, by in (("submission", self.owner), ("publication", self.operator)):
            await by.made(f"/v1/listings/{made['id']}/{act}", {})
        ordinary = {"license_type": "ORDINARY"}
        inquiries = [await talks.inquiry() for _ in range(4)]
        hidden = await talks.inquiry(anonymized=True)
        offers = [await talks.offer(await talks.inquiry(), firm, **ordinary) for _ in range(2)]
        loose = await talks.offer(await talks.inquiry(), firm, **ordinary, valid_until=None)
        agreed, held = await talks.agreed(**ordinary), await talks.concluded(**ordinary)
        root, asked = "/v1/inquiries", {"listing_id": talks.listing, "message": "您好"}
        sign = {"document_sha256": agreed["document_sha256"], "method": "PLATFORM", "signatory": {"name": "李经理"}}
        end = {"ground": "AGREEMENT", "reason": "协商解除"}
        price = {"license_id": agreed["id"], "begun_on": talks.today, "ends_on": talks.day(20), "place": "公示栏"}
        pay = {"amount": {"amount": "1.00"}, "paid_on": talks.today, "reference": "A"}
        base = {"base": {"amount": "1.00"}}
        good, bad, again = [await talks.reported(**ordinary) for _ in range(3)]
        await self.owner.made(f"/v1/royalty-reports/{again['id']}/contest", {"reason": "重新报告"})
        overdue = await talks.overdue(**ordinary)
        demand = {"item_ids": [overdue["schedule"][0]["id"]], "pay_by": talks.day(40)}
        quick, tries = "/v1/quick-license-offers", "/v1/quick-license-requests"
        opened = {"signatory": {"name": "王校长"}}
        draft = await self.owner.made(quick, a_quick_offer(patent))
        open_ = [await talks.standing(deferred_to="FIRST_SALE") for _ in range(4)]
        await self.owner.made(f"{quick}/{open_[1]['id']}/pause")
        tried = [await talks.trial(open_[3]) for _ in range(3)]
        await firm.made(f"{tries}/{tried[1]['id']}/conversion")
        trial = {"offer_id": open_[3]["id"], "intended_use": "试用"}
        consent, owner = {"delegate_id": self.delegate.organization_id}, self.owner
        calls: dict[str, tuple[Api, str, Any, Any]] = {
            root: (firm, root, asked, {**asked, "message": "再问"}),
            f"{root}/{{id}}/messages": (firm, f"{root}/{inquiries[0]['id']}/messages", {"text": "a"}, {"text": "b"}),
            f"{root}/{{id}}/disclosure": (firm, f"{root}/{hidden['id']}/disclosure", None, None),
            f"{root}/{{id}}/agency-consents": (
                firm, f"{root}/{inquiries[1]['id']}/agency-consents", consent, {"delegate_id": owner.organization_id}
            ),
            f"{root}/{{id}}/closing": (firm, f"{root}/{inquiries[2]['id']}/closing", {"reason": "a"}, {"reason": "b"}),
            f"{root}/{{id}}/offers": (
                firm, f"{root}/{inquiries[3]['id']}/offers", talks.terms(**ordinary), talks.terms()
            ),
            "/v1/offers/{id}/acceptance": (
                owner, f"/v1/offers/{offers[0]['id']}/acceptance", {}, {"acknowledged_rules": ["LS-STALE"]}
            ),
            "/v1/offers/{id}/rejection": (owner, f"/v1/offers/{offers[1]['id']}/rejection", {}, {"reason": "太低"}),
            "/v1/offers/{id}/revocation": (firm, f"/v1/offers/{loose['id']}/revocation", {}, {"reason": "改价"}),
            "/v1/licenses/{id}/signatures": (
                firm, f"/v1/licenses/{agreed['id']}/signatures", sign, {**sign, "signatory": {"name": "王五"}}
            ),
            "/v1/licenses/{id}/terminations": (
                firm, f"/v1/licenses/{held['id']}/terminations", end, {**end, "reason": "其他"}
            ),
            "/v1/licenses/{id}/demands": (
                owner, f"/v1/licenses/{overdue['id']}/demands", demand, {**demand, "pay_by": talks.day(41)}
            ),
            "/v1/licenses/{id}/payments": (firm, f"/v1/licenses/{held['id']}/payments", pay, {**pay, "reference": "B"}),
            "/v1/licenses/{id}/royalty-reports": (
                firm, f"/v1/licenses/{again['license_id']}/royalty-reports", base, {"base": {"amount": "2.00"}}
            ),
            "/v1/royalty-reports/{id}/verification": (owner, f"/v1/royalty-reports/{good['id']}/verification", None, None),
            "/v1/royalty-reports/{id}/contest": (
                owner, f"/v1/royalty-reports/{bad['id']}/contest", {"reason": "不符"}, {"reason": "其他"}
            ),
            quick: (owner, quick, a_quick_offer(patent), a_quick_offer(patent, license_term_months=24)),
            f"{quick}/{{id}}/activation": (
                owner, f"{quick}/{draft['id']}/activation", opened, {"signatory": {"name": "李四"}}
            ),
            f"{quick}/{{id}}/agency-consents": (
                firm, f"{quick}/{open_[3]['id']}/agency-consents", consent, {"delegate_id": "org_1"}
            ),
            f"{quick}/{{id}}/pause": (owner, f"{quick}/{open_[0]['id']}/pause", None, None),
            f"{quick}/{{id}}/resumption": (owner, f"{quick}/{open_[1]['id']}/resumption", None, None),
            f"{quick}/{{id}}/ending": (owner, f"{quick}/{open_[2]['id']}/ending", None, None),
            tries: (firm, tries, trial, {**trial, "intended_use": "生产"}),
            f"{tries}/{{id}}/conversion": (firm, f"{tries}/{tried[0]['id']}/conversion", None, None),
            f"{tries}/{{id}}/first-sale": (
                firm, f"{tries}/{tried[1]['id']}/first-sale", {"on": talks.today}, {"on": talks.day(-1)}
            ),
            f"{tries}/{{id}}/termination": (
                firm, f"{tries}/{tried[2]['id']}/termination", {}, {"reason": "不适合"}
            ),
            "/v1/price-publicities": (owner, "/v1/price-publicities", price, {**price, "place": "网站"}),
        }  # fmt: skip
        return {
            template: Call(
                by,
                path,
                {} if body is None else {"json": body},
                {"json": {"another": "body"} if other is None else other},
            )
            for template, (by, path, body, other) in calls.items()
        }

    async def deals(self) -> dict[str, Call]:
        """Declarations, notices and payments, each with its own patent."""
        firm = await self.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
        root = "/v1/open-license-declarations"

        async def case() -> Case:
            patent = (await self.owner.made("/v1/patents", factories.a_patent()))["id"]
            made = Case(self.world, self.operator, self.owner, firm, patent)
            await made.checked(patent)
            return made

        one = await case()
        holders = [{"name": "测试大学"}, {"name": "共有人公司"}]
        shared = (await self.owner.made("/v1/patents", factories.a_patent(holders=holders)))["id"]
        of_two = f"{root}/" + (await self.owner.made(root, a_declaration(shared)))["id"]
        consent = {
            "role": "CO_OWNER", "party": "共有人公司", "given_on": "2025-09-01",
            "document_ids": [await self.owner.document()],
        }  # fmt: skip
        given = (await self.owner.made(f"{of_two}/consents", consent))["id"]
        signed = {"filed_on": one.day(-10), "signatory": {"name": "王校长"}}
        said = {"announcement_number": "KF1", "announced_on": one.today}
        drafts = [await (await case()).declare() for _ in range(2)]
        filed = [(await one.file(draft)).json() for draft in drafts]
        announced = [await (await case()).announced() for _ in range(2)]
        withdrawal = {"filed_on": one.today, "reason": "调整", "signatory": {"name": "王校长"}}
        await self.owner.made(f"{at(announced[1])}/withdrawal", withdrawal)
        open_ = await case()
        declared = await open_.announced()
        requests = [await open_.notice(declared) for _ in range(5)]
        paid = {
            name: (await open_.pay(request, "30000.00", name)).json()["id"]
            for name, request in [*zip("ABC", requests, strict=False), ("D", requests[0])]
        }
        await self.owner.made(f"/v1/payments/{paid['C']}/contest", {"reason": "未到账"})
        too_much = await open_.settled(await open_.notice(declared), "30001.00")
        refund = {"amount": {"amount": "1.00"}, "paid_on": one.today, "reference": "R"}
        earned = [await open_.notice(declared) for _ in range(4)]
        for each in earned:
            await open_.settled(each, "30000.00")
        sharing = [
            {"license_id": (await open_.seen(each))["license_id"], "persons": [{"name": "王工"}]} for each in earned
        ]
        shares = "/v1/distributions"
        drawn = [(await self.owner.made(shares, each))["id"] for each in sharing[1:]]
        approval, payout = {"signatory": {"name": "王校长"}}, {"paid_on": one.today, "reference": "1"}
        await self.owner.made(f"{shares}/{drawn[1]}/approval", approval)
        unit_rule = {
            "name": "收益分配办法", "persons_rate": "0.7", "unit_parts": [{"name": "学校", "rate": "0.3"}],
            "published_on": "2024-01-02", "valid_from": "2098-01-02", "document_ids": consent["document_ids"],
        }  # fmt: skip
        banks = [await Bank.open(one) for _ in range(2)]
        rules, agreement = "/v1/settlement-rules", {"signatory": {"name": "王校长"}}
        given_by = [await self.world.organization() for _ in range(2)]
        rule = await given_by[0].made(rules, agreement)
        days = {"days": [{"day": "2098-05-06", "kind": "HOLIDAY"}], "source": "通知"}
        figure = {"name": "DUNNING_STEPS", "value": "1,15,30", "valid_from": "2098-01-01", "source": "平台规则"}
        free = await (await case()).announced(fee={"fee_type": "FREE"})
        held = [await open_.notice(free) for _ in range(2)]
        notice = {"declaration_id": declared["id"], "intended_use": "生产"}
        payment = {"amount": {"amount": "1.00"}, "paid_on": one.today, "reference": "Z"}
        step = {"outcome": "FILED", "on": one.today}
        later = {"outcome": "FILED", "on": one.day(-1)}
        request = f"/v1/open-license-requests/{requests[3]['id']}"
        owner, operator = self.owner, self.operator
        calls: dict[str, tuple[Api, str, Any, Any]] = {
            root: (owner, root, a_declaration(one.patent), a_declaration(one.patent, license_term_months=12)),
            f"{root}/{{id}}/consents": (owner, f"{of_two}/consents", consent, {**consent, "given_on": "2025-09-02"}),
            f"{root}/{{id}}/consents/{{consent_id}}/revocation": (
                owner, f"{of_two}/consents/{given}/revocation", {"occurred_on": one.today, "document_ids": consent["document_ids"]}, {"occurred_on": one.day(-1)}
            ),
            f"{root}/{{id}}/filing": (owner, f"{at(await one.declare())}/filing", signed, {**signed, "filed_on": one.today}),
            f"{root}/{{id}}/announcement": (operator, f"{at(filed[0])}/announcement", said, {**said, "announcement_number": "KF2"}),
            f"{root}/{{id}}/non-announcement": (
                operator, f"{at(filed[1])}/non-announcement", {"decided_on": one.today, "reason": "依据不明"},
                {"decided_on": one.today, "reason": "其他"},
            ),
            f"{root}/{{id}}/withdrawal": (owner, f"{at(announced[0])}/withdrawal", withdrawal, {**withdrawal, "reason": "其他"}),
            f"{root}/{{id}}/withdrawal-announcement": (
                operator, f"{at(announced[1])}/withdrawal-announcement", said, {**said, "announcement_number": "KF2"}
            ),
            f"{root}/{{id}}/agency-consents": (
                firm, f"{at(declared)}/agency-consents", {"delegate_id": self.delegate.organization_id}, {"delegate_id": "org_1"}
            ),
            "/v1/open-license-requests": (firm, "/v1/open-license-requests", notice, {**notice, "intended_use": "试验"}),
            "/v1/open-license-requests/{id}/payments": (firm, f"{request}/payments", payment, {**payment, "reference": "Y"}),
            "/v1/open-license-requests/{id}/cancellation": (
                firm, f"/v1/open-license-requests/{requests[4]['id']}/cancellation", None, None
            ),
            "/v1/open-license-requests/{id}/recordal": (
                firm, f"/v1/open-license-requests/{held[0]['id']}/recordal", step, later
            ),
            "/v1/licenses/{id}/recordals": (firm, f"/v1/licenses/{held[1]['license_id']}/recordals", step, later),
            "/v1/payments/{id}/confirmation": (
                owner, f"/v1/payments/{paid['A']}/confirmation", {}, {"document_ids": consent["document_ids"]}
            ),
            "/v1/payments/{id}/contest": (owner, f"/v1/payments/{paid['B']}/contest", {"reason": "未到账"}, {"reason": "无"}),
            "/v1/payments/{id}/withdrawal": (firm, f"/v1/payments/{paid['D']}/withdrawal", None, None),
            "/v1/payments/{id}/refunds": (owner, f"/v1/payments/{too_much['id']}/refunds", refund, {**refund, "reference": "S"}),
            "/v1/benefit-rules": (owner, "/v1/benefit-rules", unit_rule, {**unit_rule, "name": "办法二"}),
            shares: (owner, shares, sharing[0], sharing[1]),
            f"{shares}/{{id}}/approval": (
                owner, f"{shares}/{drawn[0]}/approval", approval, {"signatory": {"name": "李校长"}}
            ),
            f"{shares}/{{id}}/payouts": (owner, f"{shares}/{drawn[1]}/payouts", payout, {**payout, "reference": "2"}),
            f"{shares}/{{id}}/withdrawal": (
                owner, f"{shares}/{drawn[2]}/withdrawal", {"reason": "有误"}, {"reason": "重算"}
            ),
            "/v1/payment-providers": (operator, "/v1/payment-providers", {"name": "甲银行"}, {"name": "乙银行"}),
            "/v1/payment-providers/{id}/rotation": (operator, f"{banks[0].path}/rotation", {"overlap_hours": 1}, {}),
            "/v1/payment-providers/{id}/retirement": (operator, f"{banks[1].path}/retirement", None, None),
            rules: (given_by[1], rules, agreement, {"signatory": {"name": "李校长"}}),
            f"{rules}/{{id}}/revocation": (given_by[0], f"{rules}/{rule['id']}/revocation", None, None),
            "/v1/calendar/days": (operator, "/v1/calendar/days", days, {**days, "source": "另一通知"}),
            "/v1/policies": (operator, "/v1/policies", figure, {**figure, "value": "7"}),
            "/v1/payments/{id}/resolution": (
                operator, f"/v1/payments/{paid['C']}/resolution", {"outcome": "UPHELD", "reason": "查无此款"},
                {"outcome": "REJECTED", "reason": "属实"},
            ),
        }  # fmt: skip
        return {
            template: Call(
                who,
                path,
                {} if body is None else {"json": body},
                {"json": {"another": "body"} if other is None else other},
            )
            for template, (who, path, body, other) in calls.items()
        }

    def clients(self) -> str:
        return f"/v1/organizations/{self.owner.organization_id}/clients"

    async def restrictions(self) -> dict[str, Call]:
        """Orders against somebody who does nothing else here."""
        party, root = await self.world.organization(), "/v1/party-restrictions"
        wanted = factories.a_restriction(party.organization_id)
        at = [f"{root}/{(await self.operator.made(root, wanted))['id']}" for _ in range(3)]
        appeal = await party.made(f"{at[2]}/appeals", {"grounds": "事实不清"})
        decision = {"outcome": "DISMISSED", "reason": "证据不足"}

        def call(who: Api, path: str, body: dict[str, Any], **other: str) -> Call:
            return Call(who, path, {"json": body}, {"json": {**body, **other}})

        return {
            root: call(self.operator, root, wanted, reason="其他"),
            f"{root}/{{id}}/lifting": call(self.operator, f"{at[0]}/lifting", {"reason": "已整改"}, reason="其他"),
            f"{root}/{{id}}/appeals": call(party, f"{at[1]}/appeals", {"grounds": "材料属实"}, grounds="其他"),
            f"{root}/{{id}}/appeals/{{appeal_id}}/decision": call(
                self.operator, f"{at[2]}/appeals/{appeal['id']}/decision", decision, reason="其他"
            ),
        }

    async def calls(self) -> dict[str, Call]:
        """A call for each template."""
        owner, operator = self.owner, self.operator
        patent = await owner.made("/v1/patents", factories.a_patent())
        stranger = await self.world.organization(verified=False)
        client = await owner.made(self.clients(), {"name": "to be rotated"})
        event = {"code": "GRANT", "occurred_on": "2025-06-10", "document_ids": [await owner.document()]}
        return {
            "/v1/patents": Call(
                owner, "/v1/patents", {"json": factories.a_patent()}, {"json": factories.a_patent(title="另一")}
            ),
            "/v1/patents/{id}/legal-events": Call(
                owner,
                f"/v1/patents/{patent['id']}/legal-events",
                {"json": event},
                {"json": {**event, "occurred_on": "2025-06-11"}},
            ),
            **await self.records(),
            **await self.deals(),
            **await self.negotiations(),
            **await self.restrictions(),
            "/v1/patent-imports": Call(
                owner,
                "/v1/patent-imports",
                {"files": {"file": ("a.ndjson", b'{"title": "x"}\n', "text/plain")}},
                {"files": {"file": ("a.ndjson", b'{"title": "y"}\n', "text/plain")}},
            ),
            "/v1/listings": Call(
                owner,
                "/v1/listings",
                {"json": factories.a_listing(patent_ids=[patent["id"]])},
                {"json": factories.a_listing(patent_ids=[patent["id"]], trl=3)},
            ),
            "/v1/listings/{id}/submission": Call(
                owner, await self.listing() + "/submission", {"json": {}}, {"json": {"reason": "x"}}
            ),
            "/v1/listings/{id}/publication": Call(
                operator, await self.listing("submission") + "/publication", other={"json": {"reason": "x"}}
            ),
            "/v1/listings/{id}/return": Call(
                operator, await self.listing("submission") + "/return", {"json": {"reason": "补充"}}, {"json": {}}
            ),
            "/v1/listings/{id}/suspension": Call(
                operator, await self.listing("submission", "publication") + "/suspension", other={"json": {}}
            ),
            "/v1/listings/{id}/resumption": Call(
                operator,
                await self.listing("submission", "publication", "suspension") + "/resumption",
                other={"json": {}},
            ),
            "/v1/listings/{id}/withdrawal": Call(
                owner, await self.listing("submission", "publication") + "/withdrawal", other={"json": {}}
            ),
            "/v1/collections": Call(
                owner, "/v1/collections", {"json": {"name": "专题"}}, {"json": {"name": "另一专题"}}
            ),
            "/v1/collections/{id}/followers": Call(
                owner, f"/v1/collections/{(await owner.made('/v1/collections', {'name': '专题'}))['id']}/followers"
            ),
            "/v1/reference/{table}/rows": Call(
                operator,
                "/v1/reference/universities/rows",
                {"json": {"rows": [{"code": "4137010422", "zh": "测试大学"}]}},
                {"json": {"rows": [{"code": "4137010423", "zh": "另一大学"}]}},
            ),
            "/v1/needs": Call(
                owner, "/v1/needs", {"json": factories.a_need()}, {"json": factories.a_need(title="另一个需求")}
            ),
            "/v1/needs/{id}/publication": Call(owner, await self.need() + "/publication"),
            "/v1/needs/{id}/pause": Call(owner, await self.need("publication") + "/pause"),
            "/v1/needs/{id}/closing": Call(
                owner, await self.need("publication") + "/closing", {"json": {}}, {"json": {"reason": "NO_RESULT"}}
            ),
            "/v1/needs/{id}/matches/{listing_id}/feedback": Call(
                owner,
                f"{await self.need()}/matches/{await self.listed()}/feedback",
                {"json": {"verdict": "INTERESTED"}},
                {"json": {"verdict": "CONTACTED"}},
            ),
            "/v1/match-runs": Call(
                owner, "/v1/match-runs", {"json": {"needs": {"industry_code": "C34"}}}, {"json": {"limit": 3}}
            ),
            "/v1/match-subscriptions": Call(
                owner,
                "/v1/match-subscriptions",
                {"json": {"need_id": (await self.need()).split("/")[-1]}},
                {"json": {"need_id": (await self.need()).split("/")[-1]}},
            ),
            "/v1/vocabulary": Call(
                operator,
                "/v1/vocabulary",
                {"json": {"lay": "叮当响", "technical": ["减振"]}},
                {"json": {"lay": "叮当响", "technical": ["颤振"]}},
            ),
            "/v1/ranking-models": Call(operator, "/v1/ranking-models"),
            "/v1/ranking-models/{id}/activation": Call(operator, f"/v1/ranking-models/{await self.model()}/activation"),
            "/v1/ranking-models/{id}/retirement": Call(operator, f"/v1/ranking-models/{await self.model()}/retirement"),
            "/v1/signing-keys": Call(operator, "/v1/signing-keys"),
            "/v1/organizations": Call(
                owner,
                "/v1/organizations",
                {"json": factories.an_organization()},
                {"json": factories.an_organization()},
            ),
            "/v1/organizations/{id}/verification": Call(
                operator,
                f"/v1/organizations/{stranger.organization_id}/verification",
                {"json": {"verification": "VERIFIED"}},
                {"json": {"verification": "REJECTED"}},
            ),
            "/v1/organizations/{id}/clients": Call(
                owner, self.clients(), {"json": {"name": "a"}}, {"json": {"name": "b"}}
            ),
            "/v1/organizations/{id}/clients/{client_id}/rotation": Call(
                owner,
                f"{self.clients()}/{client['client_id']}/rotation",
                {"json": {"overlap_hours": 1}},
                {"json": {"overlap_hours": 2}},
            ),
            "/v1/delegations": Call(
                self.delegate,
                "/v1/delegations",
                {"json": {"principal_id": owner.organization_id, "scopes": ["needs:read"]}},
                {"json": {"principal_id": owner.organization_id, "scopes": ["needs:write"]}},
            ),
            "/v1/delegations/{id}/acceptance": Call(owner, await self.delegation() + "/acceptance"),
            "/v1/delegations/{id}/revocation": Call(owner, await self.delegation() + "/revocation"),
            "/v1/documents": Call(
                owner,
                "/v1/documents",
                {"files": {"file": ("a.txt", b"evidence", "text/plain")}},
                {"files": {"file": ("a.txt", b"other evidence", "text/plain")}},
            ),
        }


@pytest.fixture(scope="module")
async def furniture(world: World, new_database: Callable[..., str], tmp_path_factory: Any) -> Any:
    """A world whose operator reviews listings, so that each of their acts can be done by itself."""
    home = tmp_path_factory.mktemp("reviewed")
    async with World.open(new_database(), home, catalog={"review_listings": True}) as reviewed:
        operator = await reviewed.demo("operator")
        owner, delegate = await reviewed.organization(), await reviewed.organization()
        yield Furniture(reviewed, operator, owner, delegate)


@pytest.fixture(scope="module")
async def calls(furniture: Furniture) -> dict[str, Call]:
    return await furniture.calls()


OWNER = {path: service for service, method, path, _ in ROUTES if method == "POST"}


async def deals_are_on_record(world: World) -> None:
    """Wait until catalog has heard what licensing said."""
    said = (await world.house.licensing.changes(0, 1_000, 0, list(HEARD))).items
    while said:
        async with world.house.catalog.db.read() as tx:
            if (await catalog_models.feed.cursor(tx, FEED))[1] >= said[-1].position:
                return
        await asyncio.sleep(0.02)


async def head(world: World, service: str) -> int:
    """Where a service's feed ends: it moves with every effect that others learn of, and only its own acts move it."""
    if service == "gateway":
        return (await world.house.gateway.changes(0, 1, 0)).head
    if service == "catalog":
        await deals_are_on_record(world)
    reader = "catalog" if service == "matching" else "matching"
    headers = bearing(service_token(world, service, of=reader))
    answer = await world.direct(service).get("/changes?after=0&limit=1", headers=headers)
    return int(answer.json()["head"])


async def test_the_walk_knows_every_route_that_honors_a_key(calls: dict[str, Call]) -> None:
    assert calls.keys() == HONORING


@pytest.mark.parametrize("template", sorted(HONORING))
async def test_the_same_key_and_body_give_the_same_bytes_and_one_effect(
    furniture: Furniture, calls: dict[str, Call], template: str
) -> None:
    call, key = calls[template], "walk " + template[-60:]
    first = await call.who.post(call.path, key=key, **call.request)
    assert first.status_code in (200, 201, 202), first.text
    assert "idempotency-replayed" not in first.headers
    before = await head(furniture.world, OWNER[template])
    again = await call.who.post(call.path, key=key, **call.request)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("etag") == first.headers.get("etag")
    assert again.headers.get("idempotency-replayed") == "true"
    other = await call.who.post(call.path, key=key, **call.other)
    if other.status_code != 422:  # a body that this route does not take at all is refused as such
        problem(other, 409, "idempotency_key_reused")
    if template not in ("/v1/patent-imports", "/v1/match-runs"):  # its worker goes on in the background
        assert await head(furniture.world, OWNER[template]) == before


async def test_another_body_under_a_used_key_is_refused_and_does_nothing(world: World) -> None:
    owner = await world.organization()
    for path, one, other in (
        ("/v1/needs", factories.a_need(), factories.a_need(title="另一个需求")),
        ("/v1/patents", factories.a_patent(), factories.a_patent()),
        ("/v1/organizations", factories.an_organization(), factories.an_organization()),
    ):
        await owner.made(path, one, key="used")
        problem(await owner.post(path, json=other, key="used"), 409, "idempotency_key_reused")
    assert (await owner.read("/v1/needs?count=true"))["count"] == 1
    assert (await owner.read("/v1/patents?count=true"))["count"] == 1


async def test_twenty_requests_at_once_with_one_key_have_one_effect(world: World) -> None:
    owner = await world.organization()
    title = "二十个相同的请求"
    answers = await asyncio.gather(
        *(owner.post("/v1/needs", json=factories.a_need(title=title), key="at once") for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
    assert (await owner.read("/v1/needs?count=true"))["count"] == 1

    patent = await owner.made("/v1/patents", factories.a_patent())
    listing = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    acts = await asyncio.gather(
        *(owner.post(f"/v1/listings/{listing['id']}/submission", key="one act") for _ in range(20))
    )
    assert {(answer.status_code, answer.content) for answer in acts} == {(200, acts[0].content)}
    assert (await owner.read(f"/v1/listings/{listing['id']}"))["version"] == acts[0].json()["version"]


async def test_a_client_secret_is_told_again_to_the_sender_of_its_key_only(world: World) -> None:
    owner, stranger = await world.organization(), await world.organization()
    path = f"/v1/organizations/{owner.organization_id}/clients"
    first = await owner.made(path, {"name": "a"}, key="secret")
    again = await owner.made(path, {"name": "a"}, key="secret")
    assert again["client_secret"] == first["client_secret"]
    await world.sign_in(first["client_id"], again["client_secret"])
    problem(await stranger.post(path, json={"name": "a"}, key="secret"), 404, "not_found")
    listed = await owner.get(path)
    assert first["client_secret"] not in listed.text and "client_secret" not in listed.text


async def test_keys_of_two_organizations_never_meet(world: World) -> None:
    one, two = await world.organization(), await world.organization()
    first = await one.made("/v1/needs", factories.a_need(title="甲的需求"), key="shared")
    second = await two.made("/v1/needs", factories.a_need(title="乙的需求"), key="shared")
    assert first["id"] != second["id"]


async def test_a_refused_act_may_be_tried_again_with_its_key(world: World) -> None:
    owner = await world.organization()
    patent = await owner.made("/v1/patents", factories.a_patent(grant_date=None))
    listing = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    path = f"/v1/listings/{listing['id']}/submission"
    problem(await owner.post(path, key="again"), 409, "rule_refused")
    granted = await owner.patch(f"/v1/patents/{patent['id']}", {"grant_date": "2025-06-10"}, '"1"')
    assert granted.status_code == 200, granted.text
    answer = await owner.post(path, key="again")
    assert answer.status_code == 200 and answer.json()["state"] == "PUBLISHED"
    assert "idempotency-replayed" not in answer.headers


async def test_a_read_or_a_query_takes_no_notice_of_a_key(world: World) -> None:
    sme = await world.demo("sme")
    for title in ("铝合金薄壁件", "木耳菌棒"):
        answer = await sme.post("/v1/match-queries", json={"title": title}, key="ignored")
        assert answer.status_code == 200 and "idempotency-replayed" not in answer.headers
    get: httpx.Response = await sme.send("GET", "/v1/needs", key="ignored")
    assert get.status_code == 200
