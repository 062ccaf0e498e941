"""The typed clients against the real apps, and the transport between services in one process."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared import context
from shared.client import ATTEMPTS, InProcess, ServiceClient, Upstream
from shared.clients import CatalogClient, GatewayClient, MatchingClient
from shared.contracts.catalog import Listing, ReferenceRowIn, ReferenceRows
from shared.contracts.matching import MatchQuery
from shared.contracts.wire import Health
from shared.errors import (
    DeadlineExceeded,
    Forbidden,
    Gone,
    InvalidInput,
    NotFound,
    RuleRefused,
    Unauthenticated,
    Unavailable,
)
from tests import factories
from tests.contract.support import inward, service_token
from tests.world import Api, World

pytestmark = pytest.mark.anyio


def catalog_of(world: World, token: str | None = None) -> CatalogClient:
    chosen = token or service_token(world, "catalog")
    return CatalogClient("http://catalog", InProcess(world.house.apps["catalog"]), lambda: chosen)


def gateway_of(world: World, who: Api | None = None) -> GatewayClient:
    token = who.headers["Authorization"].removeprefix("Bearer ") if who else None
    return GatewayClient("http://gateway", InProcess(world.house.apps["gateway"]), (lambda: token) if token else None)


async def test_catalog_tells_its_listings_by_snapshot_and_changes(world: World) -> None:
    owner, client = await world.organization(), catalog_of(world)
    listing = await world.published(owner)
    assert (await client.listing(listing["id"])).titles == listing["titles"]
    ids, page = [], await client.snapshot(limit=200)
    ids += [item.card.id for item in page.items]
    while page.next:
        page = await client.snapshot(page.next, limit=200)
        ids += [item.card.id for item in page.items]
    assert listing["id"] in ids and len(ids) == len(set(ids)) and ids == sorted(ids)
    before = (await client.changes(page.position, wait_s=0)).head
    await owner.made(f"/v1/listings/{listing['id']}/withdrawal")
    news = await client.changes(before, limit=10, wait_s=5)
    assert [(change.type, change.subject) for change in news.items] == [("listing.withdrawn", listing["id"])]
    assert news.epoch == page.epoch and news.head >= news.items[-1].position
    with pytest.raises(NotFound):
        await client.listing(listing["id"])


async def test_a_waiting_reader_is_told_when_something_happens(world: World) -> None:
    owner, client = await world.organization(), catalog_of(world)
    patent = await owner.made("/v1/patents", factories.a_patent())
    head = (await client.changes(0, limit=1, wait_s=0)).head
    waiting = asyncio.create_task(client.changes(head, wait_s=20))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    etag = '"1"'
    await owner.patch(f"/v1/patents/{patent['id']}", {"abstract": "新"}, etag)
    news = await asyncio.wait_for(waiting, 5)
    assert news.items[0].subject == patent["id"]


async def test_matching_tells_its_changes_and_ranks(world: World) -> None:
    app = InProcess(world.house.apps["matching"])
    reading = MatchingClient("http://matching", app, lambda: service_token(world, "matching", of="catalog"))
    head = (await reading.changes(0, limit=1, wait_s=0)).head
    owner = await world.organization()
    need = await owner.made("/v1/needs", factories.a_need())
    await owner.made(f"/v1/needs/{need['id']}/publication")
    news = await reading.changes(head, wait_s=5)
    assert [(change.type, change.subject, change.audience) for change in news.items] == [
        ("need.published", need["id"], owner.organization_id)
    ]
    assert "颤振" not in news.model_dump_json(), "the text of a need never travels by the feed"
    token = inward(world, "matching")["Authorization"].removeprefix("Bearer ")
    ranking = await MatchingClient("http://matching", app, lambda: token).match(
        MatchQuery(title="铝合金 铣削", limit=3)
    )
    assert len(ranking.items) == 3 and ranking.items[0].rank == 1
    with pytest.raises(Forbidden) as refused:
        await reading.match(MatchQuery(title="铝合金"))
    assert refused.value.code == "insufficient_scope"


async def test_the_gateway_is_walked_by_its_client(world: World, new_world: Any) -> None:
    async with new_world() as apart:
        facts = (await apart.demo("operator")).organization_id
        client = gateway_of(apart)
        assert (await client.ready()).status == "ok"
        made = await apart.house.gateway.first_client("测试运营方", "PLATFORM_OPERATOR", factories.uscc("91330000"))
        token = await client.sign_in(made["client_id"], made["client_secret"])
        assert token.token_type == "Bearer" and "platform:operate" in token.scope.split(" ")
        me = await client.me()
        assert (me.id, me.name) == (made["organization_id"], "测试运营方") and me.id != facts
        job = await client.import_patents("a.ndjson", b'{"title": "x"}\n', publish=False, dry_run=True)
        while (job := await client.patent_import(job.id)).state not in ("DONE", "FAILED"):
            await asyncio.sleep(0.02)
        assert job.rows.rejected == 1 and job.dry_run
        errors = await client.import_errors(job.id, limit=5)
        assert errors.items[0].row == 1 and errors.items[0].severity == "BLOCK"
        assert (await client.match(MatchQuery(title="铝合金", limit=2))).items
        rows = ReferenceRows(rows=[ReferenceRowIn(code="T01", zh="测试行业")])
        assert (await client.load_reference("industries", rows)).created == 1
        assert (await client.load_reference("industries", rows)).unchanged == 1
        removed = await client.remove_sample()
        assert removed.listings > 100 and removed.patents >= removed.listings
        await client.close()


class Acting(ServiceClient):
    """A client with an act, as those of services to come will be."""

    service = "catalog"

    async def submit(self, id_: str) -> Listing:
        return await self._call("POST", f"/v1/listings/{id_}/submission", Listing, headers={"Idempotency-Key": "act1"})

    async def ping(self) -> Health:
        return await self._call("GET", "/", Health)

    async def act(self, key: str | None) -> Health:
        return await self._call("POST", "/", Health, headers={"Idempotency-Key": key} if key else None)


async def test_problems_come_back_as_the_exceptions_they_were(world: World) -> None:
    owner = await world.organization()
    patent = await owner.made("/v1/patents", factories.a_patent(grant_date=None))
    listing = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    token = owner.headers["Authorization"].removeprefix("Bearer ")
    acting = Acting("http://gateway", InProcess(world.house.apps["gateway"]), lambda: token)
    with pytest.raises(RuleRefused) as no:
        await acting.submit(listing["id"])
    rules = [violation.rule for violation in no.value.violations]
    assert rules and all(violation.cure and violation.message for violation in no.value.violations)
    answer = await owner.post(f"/v1/listings/{listing['id']}/submission")
    assert rules == [violation["rule"] for violation in answer.json()["violations"]]
    with pytest.raises(NotFound):
        await acting.submit("lst_0")
    client = gateway_of(world)
    with pytest.raises(Unauthenticated) as wrong:
        await client.sign_in("cli_nobody", "djk_wrong")
    assert wrong.value.code == "invalid_client"
    with pytest.raises(Unauthenticated):
        await client.me()
    with pytest.raises(InvalidInput) as bad:
        await catalog_of(world).changes(-1, wait_s=0)
    assert bad.value.violations[0].pointer == "query:after"
    with pytest.raises(InvalidInput) as form:
        await gateway_of(world, owner).import_patents("a.bin", b"x", publish=False, dry_run=False)
    assert form.value.code == "import_format"


async def test_a_gone_page_says_so(world: World) -> None:
    sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370000"))
    need = await sme.made("/v1/needs", factories.a_need(title="铝合金 装置 方法"))
    first = await sme.read(f"/v1/needs/{need['id']}/matches?limit=2")
    title = "使索引前进一步的专利"
    listing = await world.published(await world.organization(), patent={"title": title})
    await world.found(listing["id"], title, within_s=5)
    answer = await sme.get(f"/v1/needs/{need['id']}/matches?limit=2&after={first['next']}")
    assert answer.status_code == 410 and answer.json()["code"] == "index_version_gone"
    assert issubclass(Gone, Exception)


# -- the transport ------------------------------------------------------------------------------------------------


async def answered(send: Any, body: bytes = b'{"status":"ok"}', status: int = 200) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def http(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcess(app), base_url="http://callee", **options)


async def test_chunks_arrive_before_the_answer_ends() -> None:
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})

    async with http(app, timeout=5) as client, client.stream("GET", "/") as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first"
        go_on.set()
        assert [chunk async for chunk in chunks] == [b"last"]


async def test_a_fast_app_waits_for_a_slow_reader() -> None:
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": b"x" * 1_000, "more_body": True})
            sent += 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with http(app, timeout=5) as client, client.stream("GET", "/") as answer:
        chunks = answer.aiter_raw()
        await anext(chunks)
        await asyncio.sleep(0.05)
        assert sent < 50, "the queue is bounded"
        assert 1_000 + len(b"".join([chunk async for chunk in chunks])) == 1_000_000


async def test_request_bodies_stream_too() -> None:
    heard: list[bytes] = []
    heard_first = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            heard.append(message["body"])
            heard_first.set()
            if not message["more_body"]:
                return await answered(send)

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.wait_for(heard_first.wait(), 5)
        yield b"two"

    async with http(app, timeout=5) as client:
        assert (await client.post("/", content=body())).status_code == 200
    assert b"".join(heard) == b"onetwo" and heard[0] == b"one"


@pytest.mark.parametrize("after_start", [False, True])
async def test_an_app_that_does_not_answer_times_out_and_is_cancelled(after_start: bool) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            if after_start:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    started = time.monotonic()
    async with http(app, timeout=0.1) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/")
    await asyncio.wait_for(cancelled.wait(), 5)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("when", ["before", "in the middle", "without an answer"])
async def test_exceptions_of_the_callee_arrive_as_a_broken_connection(when: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if when == "without an answer":
            return
        if when == "in the middle":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise KeyError("a secret of the callee's")

    async with http(app, timeout=5) as client:
        with pytest.raises(httpx.RemoteProtocolError) as broken:
            await client.get("/")
    assert "secret" not in str(broken.value)


async def test_a_caller_that_leaves_cancels_the_app_and_tells_it() -> None:
    ended, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            told.set()

        listening = asyncio.create_task(listen())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        finally:
            await asyncio.wait([listening], timeout=1)
            ended.set()

    async with http(app, timeout=5) as client, client.stream("GET", "/") as answer:
        await anext(answer.aiter_raw())
    await asyncio.wait_for(ended.wait(), 5)
    assert told.is_set()

    ended.clear()
    waiting = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            waiting.set()
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with http(slow, timeout=60) as client:
        task = asyncio.create_task(client.get("/"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(ended.wait(), 5)


async def test_no_context_crosses_in_either_direction() -> None:
    mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="nobody's")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((mark.get(), context.request_id.get()))
        mark.set("callee's")
        await answered(send)

    mark.set("caller's")
    async with http(app, timeout=5) as client:
        await client.get("/")
    assert seen == [("nobody's", "")] and mark.get() == "caller's"


async def within(seconds: float, call: Any) -> Any:
    """In a context with a deadline, which the test's own must not get."""

    async def run() -> Any:
        context.give(seconds)
        return await call()

    return await asyncio.create_task(run(), context=contextvars.Context())


async def test_the_deadline_travels_and_is_kept() -> None:
    given: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(int(dict(scope["headers"])[b"x-deadline-ms"]))
        await asyncio.sleep(2)
        await answered(send)

    client = Acting("http://callee", InProcess(app), None)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await within(0.3, client.ping)
    assert 0 < given[0] <= 280 and time.monotonic() - started < 1.5
    given.clear()
    with pytest.raises(DeadlineExceeded):
        await within(0.01, client.ping)
    assert given == [], "work that cannot be finished is not begun"


async def test_the_request_id_and_language_travel() -> None:
    seen: dict[bytes, bytes] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(dict(scope["headers"]))
        await answered(send)

    async def call() -> None:
        context.request_id.set("req_12345678")
        context.language.set("zh")
        await Acting("http://callee", InProcess(app), lambda: "token").ping()

    await asyncio.create_task(call(), context=contextvars.Context())
    assert seen[b"x-request-id"] == b"req_12345678"
    assert seen[b"accept-language"] == b"zh-CN" and seen[b"authorization"] == b"Bearer token"


async def test_only_what_cannot_happen_twice_is_tried_again() -> None:
    calls = 0

    async def down(scope: Any, receive: Any, send: Any) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("down")

    client = Acting("http://callee", InProcess(down), None)
    for call, expected in (
        (client.ping, ATTEMPTS),
        (lambda: client.act("k1"), ATTEMPTS),
        (lambda: client.act(None), 1),
    ):
        calls = 0
        with pytest.raises(Unavailable):
            await call()
        assert calls == expected


async def test_a_service_that_recovers_is_not_noticed_to_have_been_away() -> None:
    answers = iter([503, 503, 200])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answered(send, status=next(answers))

    assert (await Acting("http://callee", InProcess(app), None).ping()).status == "ok"


async def test_a_service_that_is_down_answers_503_and_not_a_trace(world: World) -> None:
    async def down(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    with pytest.raises(Unavailable) as refused:
        await Upstream("catalog", "http://catalog", InProcess(down)).exchange("GET", b"/x", [], b"", within_s=5)
    assert "secret" not in refused.value.detail.en and refused.value.retry_after_s
