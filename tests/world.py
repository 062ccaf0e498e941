"""The platform as tests see it: real services on a real database, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from services import embedded
from services.catalog.settings import CatalogSettings
from services.gateway.settings import GatewaySettings
from services.licensing.settings import LicensingSettings
from services.matching.settings import MatchingSettings
from services.oversight.settings import OversightSettings
from shared.client import InProcess
from shared.clock import legal_day
from shared.settings import HostSettings
from tests import factories

PLENTY = 10_000_000


class TestClock:
    """The machine's time, moved by tests."""

    __test__ = False

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class Api:
    """A caller of the public surface, with the token of one client."""

    def __init__(self, http: httpx.AsyncClient, organization_id: str, headers: dict[str, str]) -> None:
        self.http, self.organization_id, self.headers = http, organization_id, headers

    def on_behalf_of(self, organization_id: str) -> Api:
        return Api(self.http, organization_id, {**self.headers, "X-On-Behalf-Of": organization_id})

    async def send(self, method: str, path: str, *, key: str | None = None, **request: Any) -> httpx.Response:
        headers = {**self.headers, **request.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.http.request(method, path, headers=headers, **request)

    async def get(self, path: str, **request: Any) -> httpx.Response:
        return await self.send("GET", path, **request)

    async def post(self, path: str, **request: Any) -> httpx.Response:
        """A POST with an Idempotency-Key of its own, unless one is given."""
        request.setdefault("key", secrets.token_hex(8))
        return await self.send("POST", path, **request)

    async def patch(self, path: str, changes: dict[str, Any], etag: str) -> httpx.Response:
        return await self.send("PATCH", path, json=changes, headers={"If-Match": etag})

    async def document(self) -> str:
        """The id of a document just uploaded, for an act to rest on."""
        answer = await self.post("/v1/documents", files={"file": ("证明.pdf", b"evidence", "application/pdf")})
        return str(answer.json()["id"])

    async def made(self, path: str, body: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
        """The body of a POST that succeeded."""
        answer = await self.post(path, json=body if body is not None else {}, **request)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    async def read(self, path: str, **request: Any) -> dict[str, Any]:
        """The body of a GET that succeeded."""
        answer = await self.get(path, **request)
        assert answer.status_code == 200, answer.text
        return answer.json()


class World:
    """All services, their clock, and callers."""

    def __init__(self, house: embedded.House, configuration: embedded.Configuration, clock: TestClock) -> None:
        self.house, self.configuration, self.clock = house, configuration, clock
        self.http = self._http(house.apps["gateway"])
        self._signed_in: dict[str, Api] = {}

    def _http(self, app: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=InProcess(app), base_url="http://gateway", timeout=30)

    def direct(self, service: str) -> httpx.AsyncClient:
        """A service without the gateway before it."""
        return self._http(self.house.apps[service])

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        home: Path,
        *,
        sample: bool = True,
        catalog: dict[str, Any] | None = None,
        matching: dict[str, Any] | None = None,
        gateway: dict[str, Any] | None = None,
    ) -> AsyncIterator[World]:
        configuration = embedded.Configuration(
            HostSettings(home=home, sample=sample),
            CatalogSettings(**(catalog or {})),
            MatchingSettings(**(matching or {})),
            LicensingSettings(),
            OversightSettings(),
            GatewaySettings(
                **{
                    "client_per_minute": PLENTY,
                    "organization_per_minute": PLENTY,
                    "address_per_minute": PLENTY,
                    "token_per_minute": PLENTY,
                    **(gateway or {}),
                }
            ),
        )
        clock = TestClock()
        house = embedded.build(configuration, url, clock)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(embedded.alive(house.apps["oversight"]))
            await stack.enter_async_context(embedded.alive(house.apps["licensing"]))
            await stack.enter_async_context(embedded.alive(house.apps["catalog"]))
            await embedded.prepare(configuration, house, lambda _: None)
            await stack.enter_async_context(embedded.alive(house.apps["matching"]))
            await stack.enter_async_context(embedded.alive(house.apps["gateway"]))
            world = cls(house, configuration, clock)
            stack.push_async_callback(world.http.aclose)
            await world.until_ready()
            yield world

    @property
    def today(self) -> date:
        """The legal day, which is not that of UTC from 16:00 on."""
        return legal_day(self.clock.now())

    async def until_ready(self) -> None:
        for _ in range(6_000):  # a fresh clone compiles the engine first
            if (await self.http.get("/readyz")).status_code == 200:
                return
            await asyncio.sleep(0.02)
        raise AssertionError((await self.http.get("/readyz")).text)

    def anyone(self) -> Api:
        return Api(self.http, "", {})

    async def sign_in(self, client_id: str, client_secret: str, scope: str | None = None) -> dict[str, Any]:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        answer = await self.http.post("/v1/oauth/token", data={**form, **({"scope": scope} if scope else {})})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def demo(self, name: str) -> Api:
        """A demo client: operator, university, co_owner, sme, operations_institution, regulator."""
        if name not in self._signed_in:
            path = self.configuration.home / embedded.DEMO_FILE
            facts = json.loads(path.read_text(encoding="utf-8"))[name]
            token = await self.sign_in(facts["client_id"], facts["client_secret"])
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            self._signed_in[name] = Api(self.http, facts["organization_id"], headers)
        return self._signed_in[name]

    async def without_sample(self) -> Api:
        """The first operator of a world opened with `sample=False`; `organization` acts through it from then on."""
        made = await self.house.gateway.first_client("测试平台", "PLATFORM_OPERATOR", factories.uscc())
        token = await self.sign_in(made["client_id"], made["client_secret"])
        operator = Api(self.http, made["organization_id"], {"Authorization": f"Bearer {token['access_token']}"})
        self._signed_in["operator"] = operator
        return operator

    async def organization(self, *, verified: bool = True, scopes: list[str] | None = None, **facts: Any) -> Api:
        """A new organization with a client; a university unless said otherwise."""
        operator = await self.demo("operator")
        made = await operator.made("/v1/organizations", factories.an_organization(**facts))
        if verified:
            await operator.made(f"/v1/organizations/{made['id']}/verification", {"verification": "VERIFIED"})
        client = await operator.made(
            f"/v1/organizations/{made['id']}/clients", {"scopes": scopes} if scopes is not None else {}
        )
        token = await self.sign_in(client["client_id"], client["client_secret"])
        return Api(self.http, made["id"], {"Authorization": f"Bearer {token['access_token']}"})

    async def published(self, owner: Api, *, patent: dict[str, Any] | None = None, **listing: Any) -> dict[str, Any]:
        """A new patent on offer."""
        registered = await owner.made("/v1/patents", factories.a_patent(**(patent or {})))
        drafted = await owner.made("/v1/listings", factories.a_listing(patent_ids=[registered["id"]], **listing))
        return await owner.made(f"/v1/listings/{drafted['id']}/submission")

    async def found(self, listing_id: str, title: str, *, within_s: float = 15.0, gone: bool = False) -> float:
        """Seconds until a listing is found by a query, or is gone from it; fails when it takes longer."""
        sme = await self.demo("sme")
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            ranked = (await sme.post("/v1/match-queries", json={"title": title, "limit": 50})).json()
            if (listing_id in [item["listing"]["id"] for item in ranked["items"]]) is not gone:
                return loop.time() - started
            assert loop.time() - started < within_s, f"{listing_id} {'still' if gone else 'not'} found"
            await asyncio.sleep(0.01)

    async def import_done(self, owner: Api, id_: str, *, within_s: float = 60.0) -> dict[str, Any]:
        """An import when it has come to its end."""
        for _ in range(int(within_s / 0.05)):
            job = await owner.read(f"/v1/patent-imports/{id_}")
            if job["state"] in ("DONE", "FAILED"):
                return job
            await asyncio.sleep(0.05)
        raise AssertionError(f"import {id_} did not end: {job}")
