"""The whole platform in one process: database, migrations, all services over the in-process transport."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import migrations
from services.catalog import app as catalog_app
from services.catalog.service import Catalog
from services.catalog.settings import CatalogSettings
from services.gateway import app as gateway_app
from services.gateway.service import Gateway
from services.gateway.settings import GatewaySettings
from services.licensing import app as licensing_app
from services.licensing.service import Licensing
from services.licensing.settings import LicensingSettings
from services.matching import app as matching_app
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from services.oversight import app as oversight_app
from services.oversight.service import Oversight
from services.oversight.settings import OversightSettings
from shared import log, telemetry
from shared.auth import KeyRing, ServiceToken
from shared.client import InProcess, Upstream, network
from shared.clients import CatalogClient, LicensingClient, MatchingClient, OversightClient, RegisterClient
from shared.clock import Clock, SystemClock
from shared.errors import Unavailable
from shared.launcher import EmbeddedPostgres, HomeLock, LaunchRefused, check_port
from shared.settings import HostSettings, names, read, refuse_unknown

Say = Callable[[str], None]
STOP_S = 2
LOOK_AGAIN_S = 0.05  # whether all services are up; then ever more slowly
GARBAGE_AFTER = 20_000  # new objects more than were freed; a request makes some hundreds
PREFIXES = {name: f"DUIJIE_{name.upper()}_" for name in migrations.SERVICES}
DEMO_FILE = "demo-clients.json"


@dataclass(frozen=True)
class Configuration:
    """All settings of the platform."""

    host: HostSettings
    catalog: CatalogSettings
    matching: MatchingSettings
    licensing: LicensingSettings
    oversight: OversightSettings
    gateway: GatewaySettings

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Configuration:
        """From the environment. Raises: SettingsRefused, naming what is unknown or malformed."""
        known = names(HostSettings)
        for service, model in (
            ("catalog", CatalogSettings),
            ("matching", MatchingSettings),
            ("licensing", LicensingSettings),
            ("oversight", OversightSettings),
            ("gateway", GatewaySettings),
        ):
            known += names(model, PREFIXES[service])
        refuse_unknown(environ, known)
        return cls(
            read(HostSettings, environ),
            read(CatalogSettings, environ, PREFIXES["catalog"]),
            read(MatchingSettings, environ, PREFIXES["matching"]),
            read(LicensingSettings, environ, PREFIXES["licensing"]),
            read(OversightSettings, environ, PREFIXES["oversight"]),
            read(GatewaySettings, environ, PREFIXES["gateway"]),
        )

    @property
    def home(self) -> Path:
        """The folder of data, absolute."""
        return self.host.home.absolute()

    def urls(self, default: str) -> dict[str, str]:
        """The database URL of each service."""
        return {
            "catalog": self.catalog.database_url or default,
            "matching": self.matching.database_url or default,
            "licensing": self.licensing.database_url or default,
            "oversight": self.oversight.database_url or default,
            "gateway": self.gateway.database_url or default,
        }


@dataclass(frozen=True)
class House:
    """All services, wired to each other."""

    apps: dict[str, ASGIApp]
    catalog: Catalog
    gateway: Gateway
    matching: Matching
    licensing: Licensing
    oversight: Oversight


def build(configuration: Configuration, url: str, clock: Clock) -> House:
    """Wire all services over the in-process transport."""
    keys = KeyRing(configuration.home / "keys", clock)
    apps: dict[str, ASGIApp] = {}

    def to(name: str) -> InProcess:
        """The way to a service, which may be built later: catalog and matching call each other."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await apps[name](scope, receive, send)

        return InProcess(app)

    apps["catalog"], catalog = catalog_app.create(
        url,
        configuration.catalog,
        keys,
        clock,
        matching=MatchingClient("http://matching", to("matching"), ServiceToken(keys, "catalog", "matching", clock)),
        documents=RegisterClient("http://gateway", to("gateway"), ServiceToken(keys, "catalog", "gateway", clock)),
        licensing=LicensingClient(
            "http://licensing", to("licensing"), ServiceToken(keys, "catalog", "licensing", clock)
        ),
        oversight=OversightClient(
            "http://oversight", to("oversight"), ServiceToken(keys, "catalog", "oversight", clock)
        ),
    )
    apps["licensing"], licensing = licensing_app.create(
        url,
        configuration.licensing,
        keys,
        clock,
        catalog=CatalogClient("http://catalog", to("catalog"), ServiceToken(keys, "licensing", "catalog", clock)),
        register=RegisterClient("http://gateway", to("gateway"), ServiceToken(keys, "licensing", "gateway", clock)),
        oversight=OversightClient(
            "http://oversight", to("oversight"), ServiceToken(keys, "licensing", "oversight", clock)
        ),
    )
    apps["oversight"], oversight = oversight_app.create(
        url,
        configuration.oversight,
        keys,
        clock,
        register=RegisterClient("http://gateway", to("gateway"), ServiceToken(keys, "oversight", "gateway", clock)),
    )
    apps["matching"], matching = matching_app.create(
        url,
        configuration.matching,
        keys,
        clock,
        folder=configuration.home / "index",
        catalog=CatalogClient("http://catalog", to("catalog"), ServiceToken(keys, "matching", "catalog", clock)),
    )
    inner = ("catalog", "matching", "licensing", "oversight")
    upstreams = {name: Upstream(name, f"http://{name}", to(name)) for name in inner}
    apps["gateway"], gateway = gateway_app.create(url, configuration.gateway, keys, clock, upstreams=upstreams)
    return House(apps, catalog, gateway, matching, licensing, oversight)


def build_one(service: str, configuration: Configuration, url: str, clock: Clock) -> ASGIApp:
    """One service that reaches the others over the network."""
    keys = KeyRing(configuration.home / "keys", clock)
    if service == "catalog":
        own = configuration.catalog
        matching = MatchingClient(own.matching_url, network(), ServiceToken(keys, "catalog", "matching", clock))
        documents = RegisterClient(own.gateway_url, network(), ServiceToken(keys, "catalog", "gateway", clock))
        licensing = LicensingClient(own.licensing_url, network(), ServiceToken(keys, "catalog", "licensing", clock))
        oversight = OversightClient(own.oversight_url, network(), ServiceToken(keys, "catalog", "oversight", clock))
        return catalog_app.create(
            url, own, keys, clock, matching=matching, documents=documents, licensing=licensing, oversight=oversight
        )[0]
    if service == "licensing":
        deals = configuration.licensing
        catalog = CatalogClient(deals.catalog_url, network(), ServiceToken(keys, "licensing", "catalog", clock))
        register = RegisterClient(deals.gateway_url, network(), ServiceToken(keys, "licensing", "gateway", clock))
        oversight = OversightClient(deals.oversight_url, network(), ServiceToken(keys, "licensing", "oversight", clock))
        return licensing_app.create(url, deals, keys, clock, catalog=catalog, register=register, oversight=oversight)[0]
    if service == "oversight":
        trust = configuration.oversight
        register = RegisterClient(trust.gateway_url, network(), ServiceToken(keys, "oversight", "gateway", clock))
        return oversight_app.create(url, trust, keys, clock, register=register)[0]
    if service == "matching":
        client = CatalogClient(
            configuration.matching.catalog_url, network(), ServiceToken(keys, "matching", "catalog", clock)
        )
        folder = configuration.home / "index"
        return matching_app.create(url, configuration.matching, keys, clock, folder=folder, catalog=client)[0]
    upstreams = {
        "catalog": Upstream("catalog", configuration.gateway.catalog_url, network()),
        "matching": Upstream("matching", configuration.gateway.matching_url, network()),
        "licensing": Upstream("licensing", configuration.gateway.licensing_url, network()),
        "oversight": Upstream("oversight", configuration.gateway.oversight_url, network()),
    }
    return gateway_app.create(url, configuration.gateway, keys, clock, upstreams=upstreams)[0]


@asynccontextmanager
async def alive(app: ASGIApp) -> AsyncIterator[None]:
    """Run an app's lifespan, as its server would."""
    asked: asyncio.Queue[Message] = asyncio.Queue()
    answered: asyncio.Queue[Message] = asyncio.Queue()

    async def run() -> None:
        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, answered.put)
        except Exception as error:
            await answered.put({"type": "failed", "error": error})

    task = asyncio.create_task(run())

    async def step(name: str) -> None:
        await asked.put({"type": f"lifespan.{name}"})
        message = await answered.get()
        if message["type"] != f"lifespan.{name}.complete":
            await task  # the app has said that it failed; now it says with what
            error = (message if answered.empty() else answered.get_nowait()).get("error")
            if isinstance(error, LaunchRefused):
                raise error
            raise LaunchRefused(
                f"a service did not complete its {name}: {message.get('message') or message.get('error')}"
            )

    await step("startup")
    try:
        yield
    finally:
        await step("shutdown")
        await task


def database(configuration: Configuration, stack: AsyncExitStack, say: Say) -> str:
    """The configured database's URL, or that of the embedded server, started and stopped with the stack."""
    if configuration.host.database_url:
        return configuration.host.database_url
    if all(configuration.urls("").values()):
        return ""
    say("database …")
    server = EmbeddedPostgres(configuration.home, binaries=configuration.host.postgres_bin)
    url = server.start()
    stack.callback(server.stop)
    return url


async def prepare(configuration: Configuration, house: House, say: Say) -> None:
    """What is done once: demo organizations and the sample."""
    if not configuration.host.sample:
        return
    path = configuration.home / DEMO_FILE
    clients = await house.gateway.demo.prepare(has_file=path.exists())
    if clients:
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(clients, file, ensure_ascii=False, indent=2)
        os.replace(draft, path)
    demo = house.gateway.demo
    published = await house.catalog.sample.load(demo.university_id, demo.custodian_id)
    if published:
        say(f"sample: {published} listings of fictitious patents")


class Host:
    """Runs the platform until it is told to stop."""

    def __init__(self, configuration: Configuration, say: Say) -> None:
        self.configuration, self._say = configuration, say

    def run(self, service: str | None) -> None:
        """Serve all services, or one. Raises: LaunchRefused."""
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                runner.run(self._run(service))
            except asyncio.CancelledError:
                return  # told to stop before it was up: everything that had started is stopped again

    async def _run(self, service: str | None) -> None:
        configuration, started = self.configuration, time.monotonic()
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        host = configuration.host
        if host.otlp_endpoint:
            telemetry.configure(host.otlp_endpoint, service or "platform")
        async with AsyncExitStack() as stack:
            check_port(host.host, host.port)
            if service is None:
                lock = HomeLock(configuration.home)
                stack.callback(lock.release)
            url = await asyncio.to_thread(database, configuration, stack, self._say)
            self._say("migrations …")
            urls = configuration.urls(url)
            await asyncio.to_thread(migrations.upgrade, urls if service is None else {service: urls[service]})
            clock = SystemClock()
            if service is not None:
                front = build_one(service, configuration, url, clock)
            else:
                house = build(configuration, url, clock)
                front = house.apps["gateway"]
                self._say("services …")
                await stack.enter_async_context(alive(house.apps["oversight"]))
                await stack.enter_async_context(alive(house.apps["licensing"]))
                await stack.enter_async_context(alive(house.apps["catalog"]))
                await prepare(configuration, house, self._say)
                await stack.enter_async_context(alive(house.apps["matching"]))
            await stack.enter_async_context(alive(front))
            await self._serve(front, started)

    async def _serve(self, front: ASGIApp, started: float) -> None:
        host = self.configuration.host
        server = _Server(
            uvicorn.Config(
                _requests_only(front),
                host=host.host,
                port=host.port,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_S,
                h11_max_incomplete_event_size=32 * 1024,
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        ready = asyncio.create_task(self._tell_when_ready(front, started))
        await server.serve()
        ready.cancel()
        self._say("stopping …")

    async def _tell_when_ready(self, front: ASGIApp, started: float) -> None:
        probe = Upstream("gateway", "http://gateway", InProcess(front))
        pause_s, has_told = LOOK_AGAIN_S, False
        while True:
            try:
                await probe.json("/readyz")
                break
            except Unavailable:  # not yet: /readyz itself tells why
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.2, 1.0)
                if pause_s == 1.0 and not has_told:
                    has_told = True
                    self._say("index … (what ranks is compiled at the first start)")
        # What is there now stays: no need to look through it for garbage again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)
        host = self.configuration.host
        address = f"http://{'localhost' if host.host in ('127.0.0.1', '0.0.0.0', '::') else host.host}:{host.port}"  # noqa: S104 - compared, not bound
        self._say(f"ready in {time.monotonic() - started:.1f} s: {address}")
        log.logger("host").info("ready", seconds=round(time.monotonic() - started, 2))


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again before the database is stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _requests_only(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    return serve


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where there is one."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]


@contextmanager
def only_database(configuration: Configuration) -> Iterator[str]:
    """The database without the platform, for commands that need nothing else; its URL."""
    with ExitStack() as stack:
        if configuration.host.database_url or all(configuration.urls("").values()):
            yield configuration.host.database_url or ""
            return
        lock = HomeLock(configuration.home)
        stack.callback(lock.release)
        server = EmbeddedPostgres(configuration.home, binaries=configuration.host.postgres_bin)
        stack.callback(server.stop)
        yield server.start()


def first_client(configuration: Configuration, name: str, kind: str, uscc: str) -> dict[str, str]:
    """Register and verify an organization and make it a client: how an installation gets its operator."""
    with only_database(configuration) as url:
        migrations.upgrade(configuration.urls(url))

        async def make() -> dict[str, str]:
            house = build(configuration, url, SystemClock())
            made = await house.gateway.first_client(name, kind, uscc)
            for app_database in (house.gateway.db, house.catalog.db):
                await app_database.close()
            return made

        return asyncio.run(make())


def openapi() -> dict[str, Any]:
    """The merged OpenAPI document, without starting anything."""
    with tempfile.TemporaryDirectory() as folder:
        host = HostSettings(home=Path(folder))
        configuration = Configuration(
            host, CatalogSettings(), MatchingSettings(), LicensingSettings(), OversightSettings(), GatewaySettings()
        )
        house = build(configuration, "postgresql://nobody@127.0.0.1:1/none", SystemClock())

        async def merged() -> dict[str, Any]:
            return await house.gateway.surface.document()

        return asyncio.run(merged())
