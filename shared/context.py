"""What travels with a request: its id, the reader's language, its deadline, its idempotency key."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass

from shared.errors import DeadlineExceeded, Language

request_id: ContextVar[str] = ContextVar("request_id", default="")
language: ContextVar[Language] = ContextVar("language", default="en")

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

HOP_RESERVE_S = 0.02  # kept back at each hop, so that the callee's refusal still reaches the caller


@dataclass(frozen=True, slots=True)
class Command:
    """An act that its sender may repeat: whose, under which key, and what it asked."""

    organization_id: str
    key: str
    fingerprint: str


command: ContextVar[Command | None] = ContextVar("command", default=None)


def give(seconds: float) -> None:
    """Start the time that this request has; an earlier deadline stays."""
    until, before = time.monotonic() + seconds, _deadline.get()
    _deadline.set(until if before is None else min(before, until))


def left_s(default: float) -> float:
    """Seconds left for a call to somebody else.

    Raises: DeadlineExceeded, when the call could not be finished anyway.
    """
    if (deadline := _deadline.get()) is None:
        return default
    left = deadline - time.monotonic() - HOP_RESERVE_S
    if left <= 0:
        raise DeadlineExceeded("the time given for this request has run out", "该请求的时限已到")
    return min(left, default)


def speak(accept_language: str) -> Language:
    """The platform's language that suits an Accept-Language header best; Chinese without one.

    Quality values count; `zh`, `zh-CN`, `zh-Hans` and `*` are Chinese, `en` in any variant is English.
    """
    best: tuple[float, Language] = (0.0, "zh")
    for part in accept_language.split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        try:
            quality = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        primary = tag.strip().lower().partition("-")[0]
        spoken: Language | None = "zh" if primary in ("zh", "*") else "en" if primary == "en" else None
        if spoken is not None and quality > best[0]:
            best = (quality, spoken)
    return best[1]
