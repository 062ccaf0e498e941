"""Builds a service's ASGI app: one shape for all, so that no service can forget a safeguard.

From outside in: observe (request id, language, deadline, log line, figures, errors as problems),
guard (what no service reads), FastAPI. Each route must stand in the access table, and is admitted by it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, wraps
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import auth, context, log, metrics, telemetry
from shared.client import DEADLINE_HEADER
from shared.contracts.access import ACCESS, Access, Relation
from shared.contracts.wire import Health, ProblemOut, Resource
from shared.errors import (
    BadRequest,
    Internal,
    InvalidInput,
    NotAllowed,
    NotFound,
    PreconditionNeeded,
    Problem,
    StaleVersion,
    Text,
    Unavailable,
    UnsupportedMedia,
    Violation,
    titles,
)
from shared.guard import Guard
from shared.idempotency import Replayed
from shared.loops import Loops
from shared.rulebook import Refused, book
from shared.seal import Seal

PROBLEM_JSON = "application/problem+json"
REQUEST_S = 30.0
PROGRESS_S = 0.3  # between two looks at a job

R = TypeVar("R", bound=Resource)
KEY_LONGEST = 255
_PIECE = 1 << 20
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
ACTIVE_MOST = 1_536  # requests at once in one service; beyond it 503, before memory and pool run out
# Readable without a token, and yet refusing a wrong one, or another proof than a token.
_TELLS_401 = ("/v1/listings", "/v1/collections", "/v1/oauth", "/v1/payment-notices")
_QUIET = {"/healthz", "/readyz", "/metrics", "/changes"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with another status than the route's own, or with further headers."""

    reply: BaseModel
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What the composition root of a service hands over to be served."""

    name: str
    title: str
    router: APIRouter
    door: Door
    use_cases: object  # what the routes' dependency hands to endpoints
    loops: Loops
    checks: Mapping[str, Callable[[], Awaitable[None]]]  # dependency → raises when it is not well
    resources: Sequence[Callable[[], Awaitable[None]]] = ()  # closed at the end, last first
    started: Callable[[], Awaitable[None]] | None = None
    inner: Callable[[ASGIApp], ASGIApp] | None = None  # a layer of the service's own, inside the guard
    pages: Callable[[FastAPI, Callable[[], dict[str, Any]]], None] | None = None  # pages that are no part of the API
    version: str = "1"


class Door:
    """What an app's routes need to admit a caller. The gateway's knows delegations too."""

    def __init__(self, keys: auth.KeyRing, audience: str) -> None:
        self._keys, self._audience, self._seal = keys, audience, Seal(keys.secret, "fingerprint")

    async def caller(self, request: Request) -> auth.Caller | None:
        """Who acts; None without a token. Raises: Unauthenticated for a token that is not valid here."""
        token = auth.bearer(request.headers.get("authorization"))
        return None if token is None else auth.caller_of(self._keys.verify(token, self._audience))

    def fingerprint(self, *parts: bytes) -> str:
        """A keyed hash by which a repeated request is known."""
        return self._seal.mark(*parts).hex()


class Endpoint(APIRoute):
    """A route that stands in the access table: admits the caller, then replies with ETag and Link."""

    service: ClassVar[str]

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _replying(endpoint, options.get("status_code")), **options)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler behind our door."""
        handle = super().get_route_handler()
        (method,) = self.methods or {"GET"}
        access = ACCESS[self.service][method, self.path]

        async def handled(request: Request) -> Response:
            await self._admit(request, access, method)
            if method == "PATCH" and "if-match" not in request.headers:
                raise PreconditionNeeded(
                    "send If-Match with the ETag that you read, so that nobody's change is overwritten",
                    "请以 If-Match 请求头附上读取时的 ETag，以免覆盖他人的更改",
                )
            if _is_form(request.headers):
                await _check_form(request)
            try:
                response: Response = await handle(request)
            except Replayed as again:
                response = _response(again.body, again.status or self.status_code or 200, again.etag)
                response.headers["Idempotency-Replayed"] = "true"
            return _unchanged(request, response) if method == "GET" else response

        return handled

    async def _admit(self, request: Request, access: Access, method: str) -> None:
        headers = request.headers
        door: Door = request.app.state.door
        who = await door.caller(request)
        auth.become(who)
        key = headers.get("idempotency-key")
        auth.admit(access, who, key)
        if key is not None and not 0 < len(key) <= KEY_LONGEST:
            raise BadRequest(
                f"an Idempotency-Key has 1 to {KEY_LONGEST} characters",
                f"Idempotency-Key 长度须为1到{KEY_LONGEST}个字符",
            )
        if method == "POST" and key is not None and who is not None and access.is_idempotent:
            asked = await _form_digest(request) if _is_form(headers) else hashlib.sha256(await request.body()).digest()
            mark = door.fingerprint(method.encode(), request.url.path.encode(), asked)
            context.command.set(context.Command(who.organization_id, key, mark))


def _is_form(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith("multipart/")


async def _check_form(request: Request) -> None:
    """The guard cannot look into a multipart form: refuse NUL in its names and texts here."""
    form = await request.form()
    for name, value in form.multi_items():
        text = value if isinstance(value, str) else value.filename or ""
        if "\0" in name or "\0" in text:
            await form.close()
            raise BadRequest("text must not hold NUL", "文本不得含有 NUL 字符", code="nul")


async def _form_digest(request: Request) -> bytes:
    """A hash of what a multipart form says: its borders differ from one sending to the next."""
    digest = hashlib.sha256()
    for name, value in sorted((await request.form()).multi_items(), key=lambda item: item[0]):
        content = value.encode() if isinstance(value, str) else b""
        size = len(content) if isinstance(value, str) else value.size or 0
        digest.update(len(name.encode()).to_bytes(8, "big") + name.encode() + size.to_bytes(8, "big") + content)
        if not isinstance(value, str):
            while piece := await value.read(_PIECE):  # a file of many megabytes never stands in memory
                digest.update(piece)
            await value.seek(0)
    return digest.digest()


def _replying(endpoint: Callable[..., Any], status: int | None) -> Callable[..., Any]:
    """Turn a returned wire value into the response at once: the bytes that idempotency keeps are the bytes sent."""

    @wraps(endpoint)
    async def reply(*args: Any, **kwargs: Any) -> Any:
        answer = await endpoint(*args, **kwargs)
        if isinstance(answer, Answer):
            response = _reply(answer.reply, answer.status or status or 200)
            response.headers.update(answer.headers)
            return response
        return _reply(answer, status or 200) if isinstance(answer, BaseModel) else answer

    return reply


def _reply(reply: BaseModel, status: int) -> Response:
    etag = reply.etag if isinstance(reply, Resource) else None
    response = _response(reply.model_dump_json().encode(), status, etag)
    if (after := getattr(reply, "next", None)) is not None:
        response.headers["X-Next"] = after  # becomes a Link where the request's address is known
    return response


def _response(body: bytes, status: int, etag: str | None) -> Response:
    return Response(body, status, {"ETag": etag} if etag else None, "application/json")


def _unchanged(request: Request, response: Response) -> Response:
    if (after := response.headers.get("X-Next")) is not None:
        del response.headers["X-Next"]
        url = request.url.include_query_params(after=after)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    etag = response.headers.get("ETag")
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag is not None and known & {etag, "*"}:
        return Response(status_code=304, headers={"ETag": etag})
    return response


async def progress(look: Callable[[], Awaitable[R]], is_over: Callable[[R], bool]) -> StreamingResponse:
    """A job's state as server-sent events whenever its version has changed, until it is over.

    The first look comes before the answer begins, so that what is not there is answered as such.
    """
    job = await look()

    async def events() -> AsyncIterator[bytes]:
        seen, current = -1, job
        while True:
            if current.version != seen:
                seen = current.version
                said = json.dumps(current.model_dump(mode="json"), ensure_ascii=False)
                yield f"id: {seen}\nevent: progress\ndata: {said}\n\n".encode()
            if is_over(current):
                return
            await asyncio.sleep(PROGRESS_S)
            try:
                current = await look()
            except NotFound:  # it was removed while somebody watched
                return

    return StreamingResponse(events(), media_type="text/event-stream")


def expected_version(request: Request) -> int:
    """The version that a PATCH was made for.

    Raises: StaleVersion for a tag that is none of ours.
    """
    tag = request.headers["if-match"].strip()
    if not re.fullmatch(r'"\d{1,9}"', tag):
        raise StaleVersion("If-Match is not an ETag of this resource", "If-Match 不是该资源的 ETag")
    return int(tag.strip('"'))


class Observe:
    """Outermost layer: gives the request its context, tells what became of it, answers what went wrong."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app, self._service, self._log = app, service, log.logger(service)
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        headers = Headers(scope=scope)
        _enter(headers)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["X-Request-Id"] = context.request_id.get()
                out.setdefault("Cache-Control", "no-store")
                out["X-Content-Type-Options"] = "nosniff"
                for name, value in scope.get("state", {}).get("headers", {}).items():
                    out.setdefault(name, value)
            await send(message)

        problem: Problem | None = None
        self._active += 1
        try:
            if self._active > ACTIVE_MOST:
                raise Unavailable("too many requests at once", "同时处理的请求过多，请稍后重试", retry_after_s=1)
            await self._app(scope, receive, watched)
        except Problem as refused:
            problem = refused
        except Exception as error:  # the last resort: a bug becomes a 500 with its trace in the log only
            self._log.error("bug", path=scope["path"], exc_info=error)
            problem = _bug()
        finally:
            self._active -= 1
        if problem is not None and not status:
            await problem_response(problem, scope["path"])(scope, receive, watched)
        self._tell(scope, status, time.perf_counter() - started, problem)

    def _is_inner(self, scope: Scope) -> bool:
        """Whether the gateway sent this request on: its line tells of a read already, under the same id."""
        return self._service != "gateway" and any(name == b"x-request-id" for name, _ in scope["headers"])

    def _tell(self, scope: Scope, status: int, seconds: float, problem: Problem | None) -> None:
        route = getattr(scope.get("route"), "path", None) or scope.get("state", {}).get("route") or "-"
        metrics.requests.labels(self._service, scope["method"][:8], route, status).inc()
        metrics.seconds.labels(self._service, route).observe(seconds)
        if status < 400 and (route in _QUIET or (scope["method"] == "GET" and self._is_inner(scope))):
            return
        who = auth.caller_or_none()
        event: dict[str, Any] = {"method": scope["method"][:8], "route": route, "status": status}
        event["ms"] = round(seconds * 1000, 1)
        if who is not None:
            event["organization"], event["client"] = who.organization_id, who.client_id
            if who.actor_id:
                event["actor"] = who.actor_id
        problem = problem or scope.get("state", {}).get("problem")
        if problem is not None:
            event["code"], event["rules"] = problem.code, [violation.rule for violation in problem.violations]
            if problem.internal:
                event["internal"] = problem.internal[:500]
        self._log.info("request", **event)


def _bug() -> Internal:
    id_ = context.request_id.get()
    return Internal(f"a bug of ours; quote {id_} when you report it", f"系统内部错误，反馈时请附上请求编号 {id_}")


def _enter(headers: Headers) -> None:
    given = headers.get("x-request-id", "")
    context.request_id.set(given if _REQUEST_ID.fullmatch(given) else "req_" + secrets.token_hex(10))
    context.language.set(context.speak(headers.get("accept-language", "")))
    context.command.set(None)
    auth.become(None)
    left_ms = headers.get(DEADLINE_HEADER, "")
    context.give(min(int(left_ms) / 1000, REQUEST_S) if left_ms.isdigit() and len(left_ms) < 9 else REQUEST_S)


def problem_response(problem: Problem, path: str) -> Response:
    """The RFC 9457 answer to a problem, in the language of the request."""
    language = context.language.get()
    instance = path.encode(errors="replace").decode()[:200]
    response = Response(
        json.dumps(problem.wire(language, instance), ensure_ascii=False).encode(errors="replace"),
        problem.status,
        problem.headers,
        PROBLEM_JSON,
    )
    response.headers["Content-Language"] = "zh-CN" if language == "zh" else "en"
    if problem.retry_after_s is not None or problem.status in (429, 503):
        response.headers["Retry-After"] = str(problem.retry_after_s or 1)
    return response


_PYDANTIC: dict[str, tuple[str, Text]] = {
    "missing": ("INPUT-MISSING", Text("this field is required", "缺少必填字段")),
    "extra_forbidden": ("INPUT-UNKNOWN-FIELD", Text("this field is not known here", "未知字段")),
    "string_too_short": ("INPUT-TOO-SHORT", Text("this must not be empty or shorter than {min_length}", "内容为空或少于 {min_length} 个字符")),
    "string_too_long": ("INPUT-TOO-LONG", Text("this is longer than {max_length} characters", "超过 {max_length} 个字符")),
    "too_short": ("INPUT-TOO-SHORT", Text("at least {min_length} entries are needed", "至少需要 {min_length} 项")),
    "too_long": ("INPUT-TOO-LONG", Text("at most {max_length} entries are taken", "最多允许 {max_length} 项")),
    "enum": ("INPUT-CHOICE", Text("choose one of {expected}", "应为以下之一：{expected}")),
    "literal_error": ("INPUT-CHOICE", Text("choose one of {expected}", "应为以下之一：{expected}")),
    "greater_than_equal": ("INPUT-RANGE", Text("this must be at least {ge}", "不得小于 {ge}")),
    "greater_than": ("INPUT-RANGE", Text("this must be more than {gt}", "必须大于 {gt}")),
    "less_than_equal": ("INPUT-RANGE", Text("this must be at most {le}", "不得大于 {le}")),
    "less_than": ("INPUT-RANGE", Text("this must be less than {lt}", "必须小于 {lt}")),
    "string_pattern_mismatch": ("INPUT-FORM", Text("this does not have the form {pattern}", "格式不正确，应符合 {pattern}")),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), ("INPUT-FORM", Text("this must be a whole number", "应为整数"))),
    **dict.fromkeys(("float_parsing", "float_type"), ("INPUT-FORM", Text("this must be a number", "应为数字"))),
    **dict.fromkeys(("bool_parsing", "bool_type"), ("INPUT-FORM", Text("this must be true or false", "应为 true 或 false"))),
    "string_type": ("INPUT-FORM", Text("this must be text", "应为文本")),
    "list_type": ("INPUT-FORM", Text("this must be a list", "应为列表")),
    **dict.fromkeys(("model_attributes_type", "model_type", "dict_type"), ("INPUT-FORM", Text("this must be an object", "应为对象"))),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        ("INPUT-FORM", Text("this is no day of the calendar in the form YYYY-MM-DD", "不是有效的日期，格式应为 YYYY-MM-DD")),
    ),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
        ("INPUT-FORM", Text("this is no time in the form 2026-11-30T08:00:00Z", "不是有效的时间，格式应如 2026-11-30T08:00:00Z")),
    ),
    "json_invalid": ("INPUT-JSON", Text("the body is not JSON", "请求体不是有效的 JSON")),
}  # fmt: skip
_FORM = ("INPUT-FORM", Text("this has the wrong form: {kind}", "格式不正确：{kind}"))
_CURES = {
    "INPUT-UNKNOWN-FIELD": Text(
        "take it out, or compare its spelling with /docs", "请删除该字段，或对照 /docs 检查拼写"
    ),
    "INPUT-MISSING": Text("add it; /docs shows an example", "请补充该字段，/docs 有示例"),
    "INPUT-TOO-LONG": Text("shorten it", "请缩短内容"),
    "INPUT-FORM": Text("see its form and an example in /docs", "请在 /docs 查看格式与示例"),
}


def violation_of(error: Mapping[str, Any]) -> Violation:
    """One pydantic error as a violation, without a word of the input."""
    cause = error.get("ctx", {}).get("error")
    where = [str(part) for part in error["loc"]]
    source = where.pop(0) if where and where[0] in ("body", "query", "path", "header", "form") else "body"
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1")[:80] for part in where if part)
    if source not in ("body", "form"):
        pointer = f"{source}:{pointer.strip('/')}"
    pointer = pointer.encode(errors="ignore").decode()
    if isinstance(cause, Refused):
        return cause.refusal.violation().at(pointer or cause.refusal.pointer or "")
    rule, message = _PYDANTIC.get(error["type"], _FORM)
    words = {**{key: value for key, value in error.get("ctx", {}).items() if key != "error"}, "kind": error["type"]}
    if (
        error["type"] == "too_short"
        and error.get("ctx", {}).get("actual_length") == 0
        and isinstance(error.get("input"), str)
    ):
        rule, message = _PYDANTIC["string_too_short"]
    zh = {
        **words,
        "expected": str(words.get("expected")).replace(", ", "、").replace(" or ", "、"),
    }  # pydantic lists in English
    spoken = Text(message.en.format(**words), message.zh.format(**zh))
    return Violation(rule, spoken, pointer=pointer, cure=_CURES.get(rule))


def _invalid(refused: RequestValidationError, media: str) -> Problem:
    errors = refused.errors()
    if not media.startswith("application/json") and any(
        error["loc"] == ("body",) and error["type"] in ("model_attributes_type", "dict_type") for error in errors
    ):
        return UnsupportedMedia(
            "send a JSON object with Content-Type: application/json",
            "请以 Content-Type: application/json 发送 JSON 对象",
        )
    violations = tuple(violation_of(error) for error in errors[:50])
    first = violations[0]
    if not first.pointer:
        return InvalidInput(first.message.en, first.message.zh, violations=violations)
    return InvalidInput(
        f"{first.pointer}: {first.message.en}", f"{first.pointer}：{first.message.zh}", violations=violations
    )


def _http(refused: HTTPException) -> Problem:
    headers = dict(refused.headers or {})
    if refused.status_code == 404:
        return NotFound("no such address", "没有这个地址")
    if refused.status_code == 405:
        return NotAllowed("this address does not take that method", "该地址不支持此方法", headers=headers)
    return BadRequest("the request cannot be read", "请求无法读取", internal=str(refused.detail)[:300])


def build(service: Service) -> ASGIApp:
    """The service's app: routes admitted by the access table, health, figures, loops, all safeguards."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in service.resources:
                stack.push_async_callback(close)
            if service.started is not None:
                await service.started()
            await stack.enter_async_context(service.loops.running())
            yield

    app = FastAPI(
        title=service.title,
        version=service.version,
        lifespan=lifespan,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=telemetry.FASTAPI,  # type: ignore[arg-type]
    )
    app.state.door, app.state.use_cases = service.door, service.use_cases
    # Routes stand in the app's own list: FastAPI's included routers cost a second dispatch per request.
    app.router.routes.extend(service.router.routes)
    known = {(method, r.path) for r in service.router.routes if isinstance(r, APIRoute) for method in r.methods or ()}
    listed = set(ACCESS[service.name])
    assert known == listed, f"{service.name}: routes and access table differ: {known ^ listed}"

    async def told(request: Request, refused: Exception) -> Response:
        match refused:
            case Problem():
                problem: Problem = refused
            case RequestValidationError():
                problem = _invalid(refused, request.headers.get("content-type", ""))
            case HTTPException():
                problem = _http(refused)
            case _:
                problem = _bug()  # sent from here; the exception itself goes on to be logged by Observe
        request.scope.setdefault("state", {})["problem"] = problem
        return problem_response(problem, request.url.path)

    for kind in (Problem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, told)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Health:
        return Health(status="ok")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        return await _readiness(service)

    @app.get("/metrics", include_in_schema=False)
    async def figures() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @cache
    def document() -> dict[str, Any]:  # half a second for all services: made when somebody reads it
        return described(app.openapi(), service.name)

    if service.pages is not None:
        service.pages(app, document)
    else:

        @app.get("/openapi.json", include_in_schema=False)
        async def openapi() -> Any:
            return document()

    inner = service.inner(app) if service.inner is not None else app
    return Observe(Guard(inner), service.name)


async def _readiness(service: Service) -> Response:
    checks: dict[str, str | None] = {}
    for name, check in service.checks.items():
        try:
            await check()
            checks[name] = None
        except Problem as trouble:
            checks[name] = trouble.detail.en
    checks.update({f"loop:{name}": reason for name, reason in service.loops.trouble().items()})
    well = not any(checks.values())
    health = Health(status="ok" if well else "unavailable", checks=checks)
    return Response(health.model_dump_json(), 200 if well else 503, media_type="application/json")


def described(document: dict[str, Any], service: str) -> dict[str, Any]:
    """The OpenAPI document with security, and every error that each route can answer."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    names = titles()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            access = ACCESS[service][method.upper(), path]
            for status in sorted(_statuses(method.upper(), path, operation, access)):
                operation["responses"].pop(str(status), None)
                operation["responses"][str(status)] = {
                    "description": names.get(status, HTTPStatus(status).phrase),
                    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            if access.scope is not None:
                operation["security"] = [{"client": [access.scope]}]
            _describe_headers(method.upper(), operation, access)
    document["x-rules"] = [
        {"id": r.id, "en": r.source.en, "zh": r.source.zh, "since": r.since.isoformat(), "decides": r.decides}
        for r in book().values()
        if r.where.startswith(("shared.", f"services.{service}."))
    ]
    return document


def _statuses(method: str, path: str, operation: dict[str, Any], access: Access) -> set[int]:
    statuses = {400, 415, 429, 431, 503}
    if access.scope is not None or path.startswith(_TELLS_401):
        statuses |= {401, 403}
    if "{" in path:
        statuses.add(404)
    if operation.get("parameters") or "requestBody" in operation:
        statuses.add(422)
    if method in ("POST", "PATCH", "DELETE"):
        statuses |= {404, 409, 413, 422}
    if method == "GET":
        statuses |= {410, 413}
    if method == "PATCH":
        statuses |= {412, 428}
    return statuses


def _describe_headers(method: str, operation: dict[str, Any], access: Access) -> None:
    parameters = operation.setdefault("parameters", [])
    text = {"type": "string", "minLength": 1, "maxLength": KEY_LONGEST, "pattern": r"^[\x21-\x7e]+$"}
    if method == "POST" and access.scope is not None and access.is_idempotent:
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": access.is_act, "schema": text})
    if method == "PATCH":
        tag = {"type": "string", "pattern": r'^"\d{1,9}"$', "examples": ['"1"']}
        parameters.append({"name": "If-Match", "in": "header", "required": True, "schema": tag})
    if access.scope is not None and access.relation in (Relation.OWNER, Relation.MEMBER):
        parameters.append(
            {
                "name": "X-On-Behalf-Of",
                "in": "header",
                "required": False,
                "description": "Id of the organization for which you act under a delegation",
                "schema": {"type": "string", "pattern": r"^org_[0-9a-z_]{1,40}$"},
            }
        )
    if not parameters:
        del operation["parameters"]
