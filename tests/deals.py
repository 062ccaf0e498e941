"""Deals as tests make them: declarations, notices and payments between a university and a firm."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from datetime import date, timedelta
from typing import Any, Self

import docx
from sqlalchemy import update

from services.catalog import models as catalog_models
from services.licensing import models
from services.licensing.rules.provider import signature
from tests import factories
from tests.world import Api, World


class Case:
    """A university with a patent whose status is fresh, a firm, the operator."""

    def __init__(self, world: World, operator: Api, university: Api, firm: Api, patent: str) -> None:
        self.world, self.operator, self.university, self.firm, self.patent = world, operator, university, firm, patent

    @classmethod
    async def open(cls, world: World) -> Self:
        operator, university = await world.demo("operator"), await world.organization()
        firm = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
        made = await university.made("/v1/patents", factories.a_patent())
        found = cls(world, operator, university, firm, made["id"])
        await found.checked(made["id"])
        return found

    async def another(self) -> Self:
        """The same parties, another patent."""
        made = await self.university.made("/v1/patents", factories.a_patent())
        await self.checked(made["id"])
        return type(self)(self.world, self.operator, self.university, self.firm, made["id"])

    @property
    def today(self) -> str:
        return self.world.today.isoformat()

    def day(self, days: int) -> str:
        return (self.world.today + timedelta(days=days)).isoformat()

    async def owned_together(self) -> Api:
        """From now on the patent of this case is a common one; its other owner, who is on the platform."""
        owner = await self.patented(None, together=True)
        assert owner is not None
        return owner

    async def patented(self, filed: date | None, *, together: bool) -> Api | None:
        """Another patent for this case, filed on a day or some day; its other owner, if it has one."""
        facts: dict[str, Any] = {}
        if filed is not None:
            number = factories.application_number(year=filed.year)
            granted = filed + timedelta(days=700)
            facts = {"application_number": number, "filing_date": str(filed), "grant_date": str(granted)}
        owner = None
        if together:
            code = factories.uscc("91370303")
            owner = await self.world.organization(type="ENTERPRISE", uscc=code, name=f"共有人公司{code}")
            other = {"name": f"共有人公司{code}", "uscc": code, "share": "40"}
            facts["holders"] = [{"name": "测试大学", "share": "60"}, other]
        self.patent = (await self.university.made("/v1/patents", factories.a_patent(**facts)))["id"]
        await self.checked(self.patent)
        return owner

    async def declare(self, **terms: Any) -> dict[str, Any]:
        return await self.university.made("/v1/open-license-declarations", a_declaration(self.patent, **terms))

    async def file(self, declared: dict[str, Any], **more: Any) -> Any:
        body = {"filed_on": self.day(-10), "signatory": {"name": "王校长", "title": "校长"}, **more}
        return await self.university.post(f"{at(declared)}/filing", json=body)

    async def announced(self, **terms: Any) -> dict[str, Any]:
        declared = await self.declare(**terms)
        filed = await self.file(declared, acknowledged_rules=["OL-TERM", "OL-FEE-CAP", "OL-TERM-EXPIRY"])
        assert filed.status_code == 200, filed.text
        said = {"announcement_number": "KF2026-000001", "announced_on": self.day(-5)}
        return await self.operator.made(f"{at(declared)}/announcement", said)

    async def notice(self, declared: dict[str, Any], firm: Api | None = None) -> dict[str, Any]:
        body = {"declaration_id": declared["id"], "intended_use": "用于薄壁件铣削生产线"}
        return await (firm or self.firm).made("/v1/open-license-requests", body)

    async def pay(self, request: dict[str, Any], amount: str, reference: str = "2026-1", **more: Any) -> Any:
        body = {"amount": {"amount": amount}, "paid_on": self.today, "reference": reference, **more}
        return await self.firm.post(f"/v1/open-license-requests/{request['id']}/payments", json=body)

    async def settled(self, request: dict[str, Any], amount: str, reference: str = "2026-1") -> dict[str, Any]:
        reported = (await self.pay(request, amount, reference)).json()
        return await self.university.made(f"/v1/payments/{reported['id']}/confirmation")

    async def seen(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self.firm.read(f"/v1/open-license-requests/{request['id']}")

    async def later(self, than_now: int | timedelta) -> None:
        """Days pass, or any time; tokens are new then."""
        self.world.clock.offset = than_now if isinstance(than_now, timedelta) else timedelta(days=than_now)
        self.world._signed_in.clear()
        self.operator = await self.world.demo("operator")
        for name in ("university", "firm"):
            who = getattr(self, name)
            client = await self.operator.made(f"/v1/organizations/{who.organization_id}/clients", {})
            token = await self.world.sign_in(client["client_id"], client["client_secret"])
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            setattr(self, name, Api(who.http, who.organization_id, headers))

    async def broker(self) -> tuple[dict[str, Any], Api, Api]:
        """A delegate of both sides: what a consent to it says, and how it acts for the firm and for the university."""
        broker = await self.world.organization(type="SERVICE_AGENCY", uscc=factories.uscc("91370303"))
        for principal in (self.university, self.firm):
            body = {"principal_id": principal.organization_id, "scopes": ["deals:read", "deals:write"]}
            proposed = await broker.made("/v1/delegations", body)
            await principal.made(f"/v1/delegations/{proposed['id']}/acceptance")
        for_firm, for_university = (broker.on_behalf_of(who.organization_id) for who in (self.firm, self.university))
        return {"delegate_id": broker.organization_id}, for_firm, for_university

    async def checked(self, patent: str) -> None:
        """Somebody has looked into the register today."""
        event = {
            "code": "REGISTER_CHECKED", "occurred_on": self.today, "source": "REGISTER",
            "detail": {"state": "IN_FORCE", "fees_paid_until": self.day(300)},
        }  # fmt: skip
        await self.operator.made(f"/v1/patents/{patent}/legal-events", event)

    async def lapsed(self, patent: str, days: int = 0) -> None:
        """The patent is gone since some days, as licensing has heard as well."""
        event = {"code": "LAPSE", "occurred_on": self.day(-days), "source": "REGISTER"}
        await self.operator.made(f"/v1/patents/{patent}/legal-events", event)
        await self.followed()

    async def followed(self) -> None:
        """Wait until licensing has applied all that catalog said of patents."""
        house = self.world.house
        said = (
            (await house.catalog.changes(0, 10_000, 0, ["patent.legal_event_recorded", "patent.changed"]))
            .items[-1]
            .position
        )
        for _ in range(500):
            async with house.licensing.db.read() as tx:
                if (await models.feed.cursor(tx, "catalog"))[1] >= said:
                    return
            await asyncio.sleep(0.02)
        raise AssertionError("the feed was not followed")

    async def heard(self) -> None:
        """Wait until licensing and catalog have applied all that oversight said."""
        house, types = self.world.house, ["party.restricted", "party.restriction_lifted"]
        said = (await house.oversight.changes(0, 1_000, 0, types)).items
        for db, feed in ((house.licensing.db, models.feed), (house.catalog.db, catalog_models.feed)):
            for _ in range(500):
                async with db.read() as tx:
                    if not said or (await feed.cursor(tx, "oversight"))[1] >= said[-1].position:
                        break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("the feed was not followed")

    async def restricted(self, party: Api, **facts: Any) -> str:
        """An order against a party, which everybody has heard of; its path."""
        root = "/v1/party-restrictions"
        order = await self.operator.made(root, factories.a_restriction(party.organization_id, **facts))
        await self.heard()
        return f"{root}/{order['id']}"

    async def lifted(self, order: str) -> None:
        await self.operator.made(f"{order}/lifting", {"reason": "已整改"})
        await self.heard()


async def words(reader: Api, path: str, language: str = "zh") -> str:
    """Everything that a paper says, as its DOCX has it."""
    made = await reader.get(path, params={"format": "docx", "language": language})
    assert made.status_code == 200, made.text
    paper = docx.Document(io.BytesIO(made.content))
    cells = [cell.text for table in paper.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(para.text for para in paper.paragraphs), *cells])


def at(declared: dict[str, Any]) -> str:
    return f"/v1/open-license-declarations/{declared['id']}"


def a_declaration(patent: str, **terms: Any) -> dict[str, Any]:
    return {
        "patent_id": patent,
        "fee": {"fee_type": "LUMP_SUM", "amount": "30000.00"},
        "payment_method": "一次总付，汇入专利权人账户",
        "license_term_months": 36,
        "calculation_note": "参照同行业许可费中位数",
        **terms,
    }


def rules_of(answer: Any) -> list[str]:
    return [each["rule"] for each in answer.json()["violations"]]


async def a_benefit_rule(owner: Api) -> dict[str, Any]:
    """A unit's rule, valid since long ago."""
    return await owner.made(
        "/v1/benefit-rules",
        {
            "name": "科技成果转化收益分配办法",
            "persons_rate": "0.7",
            "unit_parts": [{"name": "学院", "rate": "0.2"}, {"name": "学校", "rate": "0.1"}],
            "published_on": "2024-01-02",
            "valid_from": "2024-01-02",
            "document_ids": [await owner.document()],
        },
    )


class Talks(Case):
    """A case whose patent is on offer, and what is said about it."""

    listing: str

    async def offered(self, **facts: Any) -> Talks:
        """Put the patent on offer."""
        modes = {"modes": ["ORDINARY", "SOLE", "EXCLUSIVE"], "patent_ids": [self.patent]}
        made = await self.university.made("/v1/listings", factories.a_listing(**{**modes, **facts}))
        published = await self.university.made(f"/v1/listings/{made['id']}/submission", {})
        assert published["state"] == "PUBLISHED", published
        self.listing = made["id"]
        return self

    async def inquiry(self, firm: Api | None = None, **more: Any) -> dict[str, Any]:
        body = {"listing_id": self.listing, "message": "请问能否独占许可？", **more}
        return await (firm or self.firm).made("/v1/inquiries", body)

    def terms(self, **more: Any) -> dict[str, Any]:
        return {
            "license_type": "EXCLUSIVE",
            "scope": {"from": self.today, "to": self.day(1000)},
            "fee": {"fee_type": "LUMP_SUM", "amount": "50000.00"},
            "valid_until": self.day(10),
            **more,
        }

    async def offer(self, inquiry: dict[str, Any], by: Api, **more: Any) -> dict[str, Any]:
        return await by.made(f"/v1/inquiries/{inquiry['id']}/offers", self.terms(**more))

    async def agreed(self, firm: Api | None = None, **more: Any) -> dict[str, Any]:
        """A contract to be signed: asked, offered by the firm, accepted by the university."""
        inquiry = await self.inquiry(firm)
        offer = await self.offer(inquiry, firm or self.firm, **more)
        accepted = await self.university.made(f"/v1/offers/{offer['id']}/acceptance", {})
        return await (firm or self.firm).read(f"/v1/licenses/{accepted['license_id']}")

    async def sign(self, license_: dict[str, Any], by: Api, **more: Any) -> Any:
        body = {
            "document_sha256": license_["document_sha256"],
            "method": "PLATFORM",
            "signatory": {"name": "王校长", "title": "校长"},
            **more,
        }
        return await by.post(f"/v1/licenses/{license_['id']}/signatures", json=body)

    async def concluded(self, firm: Api | None = None, **more: Any) -> dict[str, Any]:
        license_ = await self.agreed(firm, **more)
        for who in (firm or self.firm, self.university):
            signed = await self.sign(license_, who)
            assert signed.status_code == 200, signed.text
        done: dict[str, Any] = signed.json()
        return done

    async def reported(self, **more: Any) -> dict[str, Any]:
        """A royalty report under a license that has run for a year: the database says so, the clock need not move."""
        fee = {"fee_type": "ROYALTY", "rate": "0.05", "rate_base": "NET_SALES"}
        held = await self.concluded(fee=fee, **more)
        table, year = models.license_, timedelta(days=366)
        async with self.world.house.licensing.db.write() as tx:
            names = ("begins_on", "effective_on", "royalty_from")
            then = {name: table.c[name] - year for name in names}
            await tx.execute(update(table).where(table.c.id == held["id"]).values(then))
        base = {"base": {"amount": "1000.00"}}
        return await self.firm.made(f"/v1/licenses/{held['id']}/royalty-reports", base)

    async def overdue(self, days: int = 1, firm: Api | None = None, **more: Any) -> dict[str, Any]:
        """A license whose fee fell due some days ago: the database says so, the clock need not move."""
        held = await self.concluded(firm, **more)
        table = models.due_item
        async with self.world.house.licensing.db.write() as tx:
            then = self.world.today - timedelta(days=days)
            await tx.execute(update(table).where(table.c.license_id == held["id"]).values(due_on=then))
        return await self.university.read(f"/v1/licenses/{held['id']}")

    async def standing(self, **terms: Any) -> dict[str, Any]:
        """A standing offer of quick licenses, open to everybody."""
        offer = await self.university.made("/v1/quick-license-offers", a_quick_offer(self.patent, **terms))
        signed = {"signatory": {"name": "王校长"}}
        return await self.university.made(f"/v1/quick-license-offers/{offer['id']}/activation", signed)

    async def trial(self, offer: dict[str, Any], firm: Api | None = None) -> dict[str, Any]:
        body = {"offer_id": offer["id"], "intended_use": "在一条产线上试用"}
        return await (firm or self.firm).made("/v1/quick-license-requests", body)


class Bank:
    """A payment provider that the operator registered, and the notices that it signs."""

    def __init__(self, world: World, registered: dict[str, Any]) -> None:
        self.world, self.registered = world, registered
        self.path = f"/v1/payment-providers/{registered['id']}"
        self.secret = str(registered["secret"])

    @classmethod
    async def open(cls, case: Case, **facts: Any) -> Self:
        registered = await case.operator.made("/v1/payment-providers", {"name": "测试银行", **facts})
        return cls(case.world, registered)

    async def notify(
        self,
        body: dict[str, Any] | bytes,
        *,
        id_: str | None = None,
        age_s: int = 0,
        signatures: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send a notice, signed over the very bytes that are sent."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, indent=1).encode()
        id_ = id_ or f"msg_{secrets.token_hex(8)}"
        at = str(int(self.world.clock.now().timestamp()) - age_s)
        sent = {
            "Content-Type": "application/json",
            "Webhook-Id": id_,
            "Webhook-Timestamp": at,
            "Webhook-Signature": signatures or signature(self.secret, id_, at, content),
            **(headers or {}),
        }
        return await self.world.http.post("/v1/payment-notices", content=content, headers=sent)


def a_transfer(world: World, amount: str, reference: str = "2026-1", **more: Any) -> dict[str, Any]:
    return {"amount": {"amount": amount}, "paid_on": world.today.isoformat(), "reference": reference, **more}


def a_quick_offer(patent: str, **terms: Any) -> dict[str, Any]:
    return {
        "patent_ids": [patent],
        "trial": {"duration": "P6M", "permitted_use": "INTERNAL_TEST"},
        "fee": {"fee_type": "LUMP_SUM", "amount": "8000.00"},
        "license_term_months": 36,
        "sme_only": False,
        **terms,
    }
