"""How services talk: typed calls over HTTP, the same in one process or many.

`InProcess` is a transport that behaves as a network does: the callee runs in a fresh context, its
errors arrive as answers, time-outs hold, bodies stream through a bounded queue, and the callee is
cancelled when its caller leaves. Nothing else in the project opens connections.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import httpx
import stamina
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message

from shared import context
from shared.errors import DeadlineExceeded, Internal, Problem, Unavailable

M = TypeVar("M", bound=BaseModel)
Headers = list[tuple[bytes, bytes]]

CALL_S = 10.0
ATTEMPTS = 3
_QUEUE_CHUNKS = 8
DEADLINE_HEADER = "x-deadline-ms"


class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to an ASGI app in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Run the app until it starts to answer; its body streams after that."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        status, headers, body = await self.open(
            request.method, request.url.raw_path, request.headers.raw, request.stream,
            request.extensions.get("timeout", {}).get("read"),
        )  # fmt: skip
        return httpx.Response(status, headers=headers, stream=body, request=request)

    async def open(
        self, method: str, target: bytes, headers: Headers, content: AsyncIterable[bytes], wait_s: float | None
    ) -> tuple[int, Headers, httpx.AsyncByteStream]:
        """The same without httpx's request and answer objects: half of what a hop costs."""
        exchange = _Exchange(content)
        running = exchange.run(self._app, method, target, headers)
        exchange.task = asyncio.create_task(running, context=contextvars.Context())
        try:
            async with asyncio.timeout(wait_s):
                status, answered = await exchange.started
        except TimeoutError:
            await exchange.leave()
            raise httpx.ReadTimeout("the service did not answer in time") from None
        except BaseException:
            await exchange.leave()
            raise
        return status, answered, _Body(exchange, wait_s)


class _Exchange:
    """One request and its answer, between two tasks."""

    task: asyncio.Task[None]

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(content)
        self._left = asyncio.Event()
        self.started: asyncio.Future[tuple[int, Headers]] = asyncio.get_running_loop().create_future()
        self.body: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_CHUNKS)
        self.broken = False

    async def run(self, app: ASGIApp, method: str, target: bytes, headers: Headers) -> None:
        path, _, query = target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in headers],
            "client": ("127.0.0.1", 0),
            "server": ("in-process", 80),
            "state": {},
        }
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # a network shows no exceptions; the app has logged it
            self._break(error)
        if not self.started.done():
            self._break(RuntimeError("no answer"))
        await self.body.put(None)

    def _break(self, error: Exception) -> None:
        self.broken = True
        if not self.started.done():
            self.started.set_exception(httpx.RemoteProtocolError(f"the service broke off: {type(error).__name__}"))

    async def _receive(self) -> Message:
        try:
            return {"type": "http.request", "body": await anext(self._chunks), "more_body": True}
        except StopAsyncIteration:
            if not self._request_ended:
                self._request_ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    _request_ended = False

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self.started.done():
                self.started.set_result((message["status"], list(message.get("headers", []))))
        elif message["type"] == "http.response.body" and message.get("body"):
            await self.body.put(message["body"])

    async def leave(self) -> None:
        """The caller has gone: tell the app, then cancel it."""
        self._left.set()
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])
        if self.started.done() and not self.started.cancelled():
            self.started.exception()  # seen


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, wait_s: float | None) -> None:
        self._exchange, self._wait_s = exchange, wait_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                async with asyncio.timeout(self._wait_s):
                    chunk = await self._exchange.body.get()
                if chunk is None:
                    break
                yield chunk
        except TimeoutError:
            raise httpx.ReadTimeout("the service stopped in the middle of its answer") from None
        if self._exchange.broken:
            raise httpx.RemoteProtocolError("the service broke off in the middle of its answer")

    async def aclose(self) -> None:
        await self._exchange.leave()


def network() -> httpx.AsyncBaseTransport:
    """The transport between processes."""
    return httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100, max_keepalive_connections=20))


class ServiceClient:
    """Base of the typed clients: sends, retries what may be retried, rebuilds problems as exceptions."""

    service: str

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport, token: Callable[[], str] | None) -> None:
        self._base, self._transport, self._token = base_url.rstrip("/"), transport, token

    async def close(self) -> None:
        """Give connections back."""
        await self._transport.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        reply: type[M],
        *,
        params: Mapping[str, Any] | None = None,
        ask: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        within_s: float = CALL_S,
    ) -> M:
        """One call. A GET, or a command with an Idempotency-Key, is retried when nothing can have happened twice.

        Raises: the `Problem` that the service raised; Unavailable when it does not answer.
        """
        may_retry = method == "GET" or (headers is not None and "Idempotency-Key" in headers)
        form: dict[str, Any] = {}
        if ask is not None:
            form = {"content": ask.model_dump_json(exclude_unset=True).encode()}
            headers = {"Content-Type": "application/json", **(headers or {})}
        async for attempt in stamina.retry_context(
            on=Unavailable, attempts=ATTEMPTS if may_retry else 1, wait_initial=0.05, wait_max=0.5, timeout=within_s
        ):
            with attempt:
                return self._read(reply, await self._send(method, path, headers, within_s, params=params, **form))
        raise AssertionError("unreachable")

    async def _call_form(self, path: str, reply: type[M], *, within_s: float = CALL_S, **form: Any) -> M:
        """One POST of a form: `data`, and `files` for a multipart one. Not retried."""
        return self._read(reply, await self._send("POST", path, None, within_s, **form))

    def _read(self, reply: type[M], answer: bytes) -> M:
        try:
            return reply.model_validate_json(answer)
        except ValidationError as error:
            raise Internal(
                f"{self.service} answered in a form we do not know", "服务答复格式无法识别", internal=str(error)
            ) from error

    async def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        within_s: float,
        **request: Any,
    ) -> bytes:
        left_s = context.left_s(within_s)
        sent = {DEADLINE_HEADER: str(int(left_s * 1000)), **(headers or {})}
        if request_id := context.request_id.get():
            sent["x-request-id"] = request_id
        if self._token is not None:
            sent["authorization"] = f"Bearer {self._token()}"
        sent["accept-language"] = "zh-CN" if context.language.get() == "zh" else "en"
        asked = httpx.Request(
            method, self._base + path, headers=sent, extensions={"timeout": _timeout(left_s)}, **request
        )
        try:  # straight to the transport: cookies, redirects and authentication by httpx's client cost as much as a hop
            answer = await self._transport.handle_async_request(asked)
            try:
                await answer.aread()
            finally:
                await answer.aclose()
        except httpx.TimeoutException as error:
            raise DeadlineExceeded(
                f"{self.service} did not answer in time", "服务未在时限内答复", internal=str(error)
            ) from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{self.service} cannot be reached now", "服务暂时无法连接", internal=str(error), retry_after_s=1
            ) from error
        if answer.status_code >= 400:
            raise _problem(answer)
        return answer.content


def _timeout(seconds: float) -> dict[str, float]:
    return dict.fromkeys(("connect", "read", "write", "pool"), seconds)


def _problem(answer: httpx.Response) -> Problem:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    after = answer.headers.get("retry-after", "")
    return Problem.of_wire(
        answer.status_code,
        body if isinstance(body, dict) else {},
        retry_after_s=int(after) if after.isdigit() else None,
    )


class Passing(NamedTuple):
    """An answer on its way through: its body is read as it comes, then closed."""

    status: int
    headers: Headers
    body: httpx.AsyncByteStream


class Upstream:
    """A service as the gateway reaches it: requests and answers pass through as they are, in a stream."""

    def __init__(self, service: str, base_url: str, transport: httpx.AsyncBaseTransport) -> None:
        self.service, self._base, self._transport = service, httpx.URL(base_url), transport

    async def exchange(
        self, method: str, target: bytes, headers: Headers, content: bytes | AsyncIterable[bytes], *, within_s: float
    ) -> Passing:
        """Send a request on; the answer's body is not read yet.

        Raises: Unavailable, DeadlineExceeded.
        """
        try:
            if isinstance(self._transport, InProcess):
                chunks = _once(content) if isinstance(content, bytes) else content
                return Passing(*await self._transport.open(method, target, headers, chunks, within_s))
            url = self._base.copy_with(raw_path=target)
            extensions = {"timeout": _timeout(within_s)}
            request = httpx.Request(
                method, url, headers=[(b"host", url.netloc), *headers], content=content, extensions=extensions
            )
            answer = await self._transport.handle_async_request(request)
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            return Passing(answer.status_code, answer.headers.raw, answer.stream)
        except httpx.TimeoutException as error:
            raise DeadlineExceeded(
                f"{self.service} did not answer in time", "服务未在时限内答复", internal=str(error)
            ) from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{self.service} cannot be reached now", "服务暂时无法连接", internal=str(error), retry_after_s=1
            ) from error

    async def json(self, path: str) -> Any:
        """A public JSON document of the service. Raises: Unavailable, for every answer but 200."""
        status, _, body = await self.exchange("GET", path.encode(), [], b"", within_s=CALL_S)
        try:
            content = b"".join([chunk async for chunk in body])
        finally:
            await body.aclose()
        if status != 200:
            raise Unavailable(f"{self.service} is not ready", "服务尚未就绪", retry_after_s=1)
        return json.loads(content)

    async def close(self) -> None:
        """Give connections back."""
        await self._transport.aclose()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content
