"""Every operation of the merged document, with requests made from its own schemas, against a real server."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.contracts.access import Relation
from tests import factories
from tests.contract.support import ROUTES
from tests.deals import Case, Talks, a_benefit_rule
from tests.world import Api, World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FITTING, MISFITTING = 8, 5
PUBLIC = [(method, path, access) for _, method, path, access in ROUTES if access.relation is not Relation.SERVICE]
AS_UNIVERSITY_ONLY = {"/v1/sample", "/v1/signing-keys"}  # the operator would end the sample, or our own tokens


@dataclass
class Platform:
    """A served world, with one of everything that the university has."""

    base: str = ""
    university: dict[str, str] = field(default_factory=dict)
    operator: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    client_id: str = ""
    schema: Any = None

    def headers(self, access: Any, path: str) -> dict[str, str]:
        operating = access.relation is Relation.OPERATOR and path not in AS_UNIVERSITY_ONLY
        return self.operator if operating else self.university


async def _furnished(world: World, platform: Platform) -> None:
    university, operator = await world.demo("university"), await world.demo("operator")
    delegate = await world.organization()
    mine = "/v1/listings?mine=true&limit=1"
    listing = (await university.read(mine))["items"][0]
    need = await university.made("/v1/needs", factories.a_need())
    await university.made(f"/v1/needs/{need['id']}/publication")
    client = await university.made(f"/v1/organizations/{university.organization_id}/clients", {"name": "second"})
    proposal = {"principal_id": university.organization_id, "scopes": ["needs:read"]}
    delegation = await delegate.made("/v1/delegations", proposal)
    document = (await university.post("/v1/documents", files={"file": ("a.txt", b"evidence", "text/plain")})).json()
    rows = b'{"title": "x"}\n'
    job = (await university.post("/v1/patent-imports", files={"file": ("a.ndjson", rows, "text/plain")})).json()
    collection = await university.made("/v1/collections", {"name": "专题", "query": {"ipc": "B23B"}})
    platform.university, platform.operator = university.headers, operator.headers
    platform.client_id = client["client_id"]
    screening = await university.made("/v1/screening-runs", {"criteria": {"demand": False}})
    campaign = await university.made(
        "/v1/inventory-campaigns", {"name": "盘点", "begins_on": "2026-01-01", "ends_on": "2026-06-30"}
    )
    item = (await university.read(f"/v1/inventory-campaigns/{campaign['id']}/items?limit=1"))["items"][0]
    own = await university.made("/v1/patents", factories.a_patent())
    case = Case(world, operator, university, await world.demo("sme"), own["id"])
    await case.checked(own["id"])
    request = await case.notice(await case.announced())
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    shared = {"license_id": held["license_id"], "persons": [{"name": "王工"}]}
    distribution = await university.made("/v1/distributions", shared)
    talks = await Talks(world, operator, university, case.firm, own["id"]).another()
    await talks.offered(modes=["ORDINARY"])
    inquiry = await talks.inquiry()
    offer = await talks.offer(inquiry, case.firm)
    agreed = await talks.agreed(license_type="ORDINARY")
    shown = {"license_id": agreed["id"], "begun_on": case.today, "ends_on": case.day(15), "place": "校内公示栏"}
    quick = await (await talks.another()).standing()
    provider = await operator.made("/v1/payment-providers", {"name": "测试银行"})
    to_come = {**factories.a_restriction(university.organization_id), "from": "2199-01-01"}
    restriction = await operator.made("/v1/party-restrictions", to_come)
    rule = await university.made("/v1/settlement-rules", {"signatory": {"name": "王校长"}})
    platform.ids = {
        "benefit-rules": (await a_benefit_rule(university))["id"],
        "distributions": distribution["id"],
        "payment-providers": provider["id"],
        "settlement-rules": rule["id"],
        "party-restrictions": restriction["id"],
        "quick-license-offers": quick["id"],
        "quick-license-requests": (await talks.trial(quick))["id"],
        "royalty-reports": (await talks.reported(license_type="ORDINARY", pricing_way="MARKET_LISTING"))["id"],
        "inquiries": inquiry["id"],
        "offers": offer["id"],
        "price-publicities": (await university.made("/v1/price-publicities", shown))["id"],
        "open-license-declarations": (await case.declare())["id"],
        "open-license-requests": request["id"],
        "payments": held["payments"][0]["id"],
        "licenses": held["license_id"],
        "screening-runs": screening["id"],
        "inventory-campaigns": campaign["id"],
        "inventory-items": item["id"],
        "patents": listing["patents"][0]["id"],
        "listings": listing["id"],
        "needs": need["id"],
        "organizations": university.organization_id,
        "delegations": delegation["id"],
        "documents": document["id"],
        "patent-imports": job["id"],
        "collections": collection["id"],
    }
    await _done(university, job["id"])


async def _done(university: Api, job_id: str) -> None:
    for _ in range(1_200):  # a process is started first
        if (await university.read(f"/v1/patent-imports/{job_id}"))["state"] in ("DONE", "FAILED"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the import did not end")


async def _serve(url: str, home: Path, platform: Platform, ready: threading.Event, stop: threading.Event) -> None:
    async with World.open(url, home) as world:
        await _furnished(world, platform)
        config = uvicorn.Config(world.house.apps["gateway"], port=0, lifespan="off", log_config=None, http="httptools")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        platform.base = f"http://127.0.0.1:{port}"
        ready.set()
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await serving


@pytest.fixture(scope="module")
def platform(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The gateway on a port; its event loop, and the world's, live in a thread."""
    platform, ready, stop = Platform(), threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_serve(new_database(), tmp_path_factory.mktemp("served"), platform, ready, stop))
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(60)
    assert not failed, failed
    document = requests.get(f"{platform.base}/openapi.json", timeout=30).json()
    platform.schema = schemathesis.openapi.from_dict(document)
    platform.schema.config.base_url = platform.base
    yield platform
    stop.set()
    thread.join(30)
    assert not thread.is_alive() and not failed, failed


def known_ids(platform: Platform, path: str) -> dict[str, str]:
    kind = path.split("/")[2]
    found = {"id": platform.ids.get(kind, ""), "client_id": platform.client_id, "listing_id": platform.ids["listings"]}
    if kind == "organizations" and path.endswith("/verification"):
        found["id"] = "org_demo_sme"
    return {name: value for name, value in found.items() if f"{{{name}}}" in path}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see the end of the test
@pytest.mark.parametrize(("method", "path", "access"), PUBLIC, ids=[f"{m} {p}" for m, p, _ in PUBLIC])
def test_answers_conform_to_the_document(platform: Platform, method: str, path: str, access: Any) -> None:
    operation = platform.schema[path][method]
    headers = platform.headers(access, path)
    session = requests.Session()
    ids = known_ids(platform, path)
    etag = {}
    if method == "PATCH":
        etag = {"If-Match": "current"}

    def send(case: Any, *, real: bool) -> None:
        extra = dict(headers) if access.scope else {}
        for name in ("X-On-Behalf-Of", "Authorization"):
            if case.headers:
                case.headers.pop(name, None)
        if real:
            case.path_parameters = {**(case.path_parameters or {}), **ids}
            if etag:
                seen = session.get(platform.base + path.format(**ids), headers=headers, timeout=30)
                extra["If-Match"] = seen.headers["etag"]
        response = case.call(session=session, headers=extra, timeout=30)
        try:
            case.validate_response(response, checks=CHECKS if not path.endswith("/events") else CHECKS[:-1])
        except (Failure, FailureGroup) as failure:
            raise AssertionError(_told(case, response, failure)) from None

    common = settings(
        max_examples=FITTING,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @common
    @given(case=operation.as_strategy(), real=st.sampled_from([True, True, False]))
    def fitting(case: Any, real: bool) -> None:
        send(case, real=real)

    @settings(common, max_examples=MISFITTING)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def misfitting(case: Any) -> None:
        send(case, real=False)

    fitting()
    if operation.body or any(operation.query):
        misfitting()
    if method == "POST" and path in ("/v1/documents", "/v1/patent-imports"):
        gc.collect()  # starlette leaves the file of a part without its end to the collector, which warns


def _told(case: Any, response: Any, failure: Failure | FailureGroup) -> str:
    causes = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
    told = "\n".join(f"{type(cause).__name__}: {str(cause)[:600]}" for cause in causes)
    sent = f"{case.method} {case.formatted_path} {case.query} {str(case.body)[:800]!r} {case.headers}"
    return f"{told}\nsent: {sent}\ngot: {response.status_code} {response.text[:500]}"
