"""The closed set of things that go wrong, with one wire form (RFC 9457) in both directions.

    Problem
    ├── BadRequest 400        the request cannot be read
    ├── Unauthenticated 401
    ├── Forbidden 403         the caller may know that it exists
    ├── NotFound 404          it does not exist, or the caller may not know
    ├── NotAllowed 405
    ├── Conflict 409          the recorded state forbids it
    │   └── RuleRefused       ... by a rule of law or of the house, named with its source
    ├── Gone 410
    ├── StaleVersion 412
    ├── TooLarge 413
    ├── UnsupportedMedia 415
    ├── InvalidInput 422      the input alone is wrong
    ├── PreconditionNeeded 428
    ├── RateLimited 429
    ├── HeadTooLarge 431
    ├── Internal 500          never raised by hand
    ├── Unavailable 503       try again, nothing has happened
    └── DeadlineExceeded 504

A client rebuilds the class that the service raised, so that `except RuleRefused` works across services.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

Language = Literal["en", "zh"]
Severity = Literal["BLOCK", "WARN"]

TYPE_ROOT = "urn:duijie:problem:"


class Text(NamedTuple):
    """One sentence for people, in both languages of the platform."""

    en: str
    zh: str

    def spoken(self, language: Language) -> str:
        """The sentence in the reader's language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason for a no: which rule, what it says, where in the input, and what would cure it."""

    rule: str
    message: Text
    severity: Severity = "BLOCK"
    legal_basis: Text | None = None
    pointer: str | None = None
    cure: Text | None = None

    def at(self, pointer: str) -> Violation:
        """The same reason, pointing at a place in the input (RFC 6901)."""
        return replace(self, pointer=pointer)

    def wire(self, language: Language) -> dict[str, str | None]:
        """The violation as it stands in a problem document."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message.spoken(language),
            "legal_basis": self.legal_basis.spoken(language) if self.legal_basis else None,
            "pointer": self.pointer,
            "cure": self.cure.spoken(language) if self.cure else None,
        }


class Problem(Exception):
    """Base of all expected failures. `detail` is public; `internal` is logged and never sent."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal"
    title: ClassVar[Text] = Text("Internal error", "内部错误")

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        code: str | None = None,
        violations: tuple[Violation, ...] = (),
        internal: str = "",
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
        error: str | None = None,
    ) -> None:
        super().__init__(f"{en} [{internal}]" if internal else en)
        self.detail = Text(en, zh)
        self.code = code or self.default_code
        self.violations = violations
        self.internal = internal
        self.retry_after_s = retry_after_s
        self.headers = headers or {}
        self.error = error  # the member that OAuth clients look for (RFC 6749, section 5.2)

    def wire(self, language: Language, instance: str) -> dict[str, Any]:
        """The RFC 9457 document."""
        return {
            "type": TYPE_ROOT + self.code.replace("_", "-"),
            "title": self.title.spoken(language),
            "status": self.status,
            "detail": self.detail.spoken(language),
            "instance": instance,
            "code": self.code,
            "violations": [violation.wire(language) for violation in self.violations],
            **({"error": self.error} if self.error else {}),
        }

    @staticmethod
    def of_wire(status: int, body: dict[str, Any], *, retry_after_s: int | None = None) -> Problem:
        """Rebuild the class that another service raised; an unknown status becomes `Internal`."""

        def text(value: object) -> Text:
            return Text(str(value), str(value))

        violations = tuple(
            Violation(
                rule=str(raw.get("rule", "")),
                message=text(raw.get("message", "")),
                severity="WARN" if raw.get("severity") == "WARN" else "BLOCK",
                legal_basis=text(raw["legal_basis"]) if raw.get("legal_basis") else None,
                pointer=raw.get("pointer"),
                cure=text(raw["cure"]) if raw.get("cure") else None,
            )
            for raw in body.get("violations") or ()
            if isinstance(raw, dict)
        )
        code = str(body.get("code") or "")
        kind: type[Problem] = (
            RuleRefused if body.get("title") in RuleRefused.title else _BY_STATUS.get(status, Internal)
        )
        detail = str(body.get("detail") or body.get("title") or f"the service answered {status}")
        return kind(detail, detail, code=code or None, violations=violations, retry_after_s=retry_after_s)


class BadRequest(Problem):
    """400: the request cannot be read at all."""

    status = 400
    default_code = "bad_request"
    title = Text("Bad request", "请求无法读取")


class Unauthenticated(Problem):
    """401: no credentials, or none that we accept."""

    status = 401
    default_code = "unauthenticated"
    title = Text("Not authenticated", "未通过身份验证")


class Forbidden(Problem):
    """403: the caller is known and may not do this."""

    status = 403
    default_code = "forbidden"
    title = Text("Not allowed", "没有权限")


class NotFound(Problem):
    """404: unknown, or another organization's; the two are told apart by nothing."""

    status = 404
    default_code = "not_found"
    title = Text("Not found", "未找到")


class NotAllowed(Problem):
    """405: the address exists, the method does not."""

    status = 405
    default_code = "method_not_allowed"
    title = Text("Method not allowed", "不支持该方法")


class Conflict(Problem):
    """409: the recorded state forbids it."""

    status = 409
    default_code = "conflict"
    title = Text("Conflict with the recorded state", "与已记录的状态冲突")


class RuleRefused(Conflict):
    """409: a named rule says no."""

    default_code = "rule_refused"
    title = Text("Refused by a rule", "规则不允许")


class Gone(Problem):
    """410: it was there once."""

    status = 410
    default_code = "gone"
    title = Text("No longer available", "已不再提供")


class StaleVersion(Problem):
    """412: somebody else changed it first."""

    status = 412
    default_code = "stale_version"
    title = Text("Changed by somebody else", "内容已被他人更改")


class TooLarge(Problem):
    """413: the body is larger than this address takes."""

    status = 413
    default_code = "too_large"
    title = Text("Too large", "内容过大")


class UnsupportedMedia(Problem):
    """415: a media type, charset or content coding that is not read here."""

    status = 415
    default_code = "unsupported_media_type"
    title = Text("Unsupported media type", "不支持的内容类型")


class InvalidInput(Problem):
    """422: the input alone is wrong, whatever the state."""

    status = 422
    default_code = "invalid_input"
    title = Text("Invalid input", "输入有误")


class PreconditionNeeded(Problem):
    """428: say which version you mean."""

    status = 428
    default_code = "precondition_required"
    title = Text("Precondition required", "需要前提条件")


class RateLimited(Problem):
    """429: too often."""

    status = 429
    default_code = "rate_limited"
    title = Text("Too many requests", "请求过于频繁")


class HeadTooLarge(Problem):
    """431: too many or too long header fields."""

    status = 431
    default_code = "head_too_large"
    title = Text("Request head too large", "请求头过大")


class Internal(Problem):
    """500: a bug of ours; never raised by hand."""


class Unavailable(Problem):
    """503: something we need does not answer; nothing has happened, try again."""

    status = 503
    default_code = "unavailable"
    title = Text("Temporarily unavailable", "暂时不可用")


class DeadlineExceeded(Problem):
    """504: the time that the caller gave has run out."""

    status = 504
    default_code = "deadline_exceeded"
    title = Text("Deadline exceeded", "已超时")


_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        NotAllowed,
        Conflict,
        Gone,
        StaleVersion,
        TooLarge,
        UnsupportedMedia,
        InvalidInput,
        PreconditionNeeded,
        RateLimited,
        HeadTooLarge,
        Internal,
        Unavailable,
        DeadlineExceeded,
    )
}


def titles() -> dict[int, str]:
    """Status and English title of every problem, for the OpenAPI document."""
    return {status: kind.title.en for status, kind in sorted(_BY_STATUS.items())}
