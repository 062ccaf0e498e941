"""What every service refuses before its own code sees it.

FastAPI's defaults answer 500 to NaN and lone surrogates, echo megabytes, follow an attacker's Host in
redirects, and know no limit on head or body. This ASGI layer closes all of that once: limits on path,
head and body; JSON that is strictly JSON (UTF-8, no NaN, no doubled keys, no NUL, no lone surrogate,
bounded depth and numbers); no content coding and no charset that is not read here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import (
    BadRequest,
    HeadTooLarge,
    InvalidInput,
    Problem,
    Text,
    TooLarge,
    UnsupportedMedia,
    Violation,
)

MEGABYTE = 1 << 20
BODY_MOST = 1 * MEGABYTE
FILE_MOST = 64 * MEGABYTE
FIELDS_MOST = 64
HEAD_MOST = 16 * 1024
TARGET_MOST = 8 * 1024
DEPTH_MOST = 32
DIGITS_MOST = 30

# Possessive, and content with a string that never ends: linear on any input.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json")


def _wrong(rule: str, en: str, zh: str, pointer: str = "") -> InvalidInput:
    return InvalidInput(en, zh, violations=(Violation(rule, Text(en, zh), pointer=pointer),))


class Guard:
    """ASGI layer; refusals are raised as problems, and the layer around it answers them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        _check_target(scope)
        headers = _check_head(scope)
        media = headers.get(b"content-type", b"").decode("latin-1").lower()
        kind, _, parameters = media.partition(";")
        kind = kind.strip()
        charset = re.search(r"charset\s*=\s*\"?([\w.-]+)", parameters)
        if charset and charset[1] not in ("utf-8", "utf8"):
            raise UnsupportedMedia("send text as UTF-8", "请以 UTF-8 编码发送")
        is_file = kind == "multipart/form-data"
        most = FILE_MOST if is_file else BODY_MOST
        if int(headers.get(b"content-length", b"0")) > most:
            raise _too_large(most)
        if is_file:
            return await self._app(scope, _counted(receive, most), send)
        body = await _read(receive, most)
        if body is None:
            return None
        if body and kind and _JSON.fullmatch(kind):
            strict_json(body)
        elif body and kind == "application/x-www-form-urlencoded":
            _check_text(unquote_to_bytes(body.replace(b"+", b" ")))
        return await self._app(scope, _again(body, receive), send)


def _check_target(scope: Scope) -> None:
    raw = scope.get("raw_path") or b""
    query: bytes = scope["query_string"]
    if len(raw) + len(query) > TARGET_MOST:
        raise BadRequest("the address is too long", "请求地址过长", code="target_too_long")
    _check_text(unquote_to_bytes(raw))
    _check_text(unquote_to_bytes(query.replace(b"+", b" ")))


def _check_text(decoded: bytes) -> None:
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        raise BadRequest("text must be UTF-8", "文本须为 UTF-8 编码", code="not_utf8") from None
    if "\0" in text:
        raise BadRequest("text must not hold NUL", "文本不得含有 NUL 字符", code="nul")


def _check_head(scope: Scope) -> dict[bytes, bytes]:
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    if len(fields) > FIELDS_MOST or sum(len(name) + len(value) for name, value in fields) > HEAD_MOST:
        raise HeadTooLarge("the request head is too large", "请求头过大")
    headers: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in (b"content-length", b"content-type", b"authorization", b"idempotency-key") and name in headers:
            raise BadRequest("a header field that may stand once stands twice", "请求头字段重复", code="doubled_field")
        headers[name] = value
    if not headers.get(b"content-length", b"0").isdigit():
        raise BadRequest("Content-Length is not a number", "Content-Length 不是数字")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise UnsupportedMedia("send the body without content coding", "请勿对请求体使用压缩编码")
    return headers


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than the {most // MEGABYTE} MB that this address takes",
        f"请求体超过此地址允许的 {most // MEGABYTE} MB",
    )


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None when the caller left in the middle."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _counted(receive: Receive, most: int) -> Receive:
    size = 0

    async def count() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise _too_large(most)
        return message

    return count


def strict_json(body: bytes) -> Any:
    """The value of a JSON text, refused where JSON parsers differ or databases choke.

    Raises: BadRequest when it is not JSON; InvalidInput, with a pointer, when it holds what we do not take.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8", "请求体不是 UTF-8 编码", code="not_utf8") from None
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except Problem:
        raise
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise BadRequest(
            f"the body is not JSON, at character {at}", f"请求体不是有效的 JSON（第 {at} 个字符处）", code="not_json"
        ) from None
    _check_strings(value)
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        match bracket[0]:
            case "[" | "{":
                depth += 1
                if depth > DEPTH_MOST:
                    raise _wrong("JSON-DEPTH", f"nested deeper than {DEPTH_MOST}", f"嵌套超过 {DEPTH_MOST} 层")
            case "]" | "}":
                depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise _wrong("JSON-DOUBLE-KEY", "a key stands twice in one object", "同一对象中键名重复")
    return built


def _constant(_: str) -> Any:
    raise _wrong("JSON-NUMBER", "NaN and Infinity are not JSON", "NaN 和 Infinity 不是 JSON 数值")


def _float(raw: str) -> float:
    if not math.isfinite(value := float(raw)):
        raise _wrong("JSON-NUMBER", "a number is too large", "数值过大")
    return value


def _integer(raw: str) -> int:
    if len(raw) > DIGITS_MOST:
        raise _wrong("JSON-NUMBER", "a number has too many digits", "数值位数过多")
    return int(raw)


def _check_strings(value: Any) -> None:
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, found = waiting.pop()
        if isinstance(found, str):
            _check_string(found, pointer)
        elif isinstance(found, list):
            waiting.extend((f"{pointer}/{index}", item) for index, item in enumerate(found))
        elif isinstance(found, dict):
            for key, item in found.items():
                _check_string(key, pointer)
                waiting.append((f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", item))


def _check_string(text: str, pointer: str) -> None:
    if "\0" in text:
        raise _wrong("TEXT-NUL", "text must not hold NUL", "文本不得含有 NUL 字符", pointer)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        # the pointer itself could hold the surrogate: name the place only when it can be sent
        place = pointer.encode(errors="ignore").decode()
        raise _wrong("TEXT-SURROGATE", "text must not hold lone surrogates", "文本不得含有孤立代理项", place)
