"""Forms that all messages share."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

T = TypeVar("T")


class Ask(BaseModel):
    """What a caller sends: unknown fields are refused, so that nothing is silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(BaseModel):
    """What we send: readers ignore fields they do not know, so that replies may gain some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_instant, return_type=str, when_used="json")]


class Resource(Reply):
    """A thing with an id, a version and two instants; its ETag is its version."""

    id: str
    external_id: str | None = Field(default=None, description="Your own id, unique in your organization")
    version: int
    created_at: Instant
    updated_at: Instant

    @property
    def etag(self) -> str:
        """The entity tag of this version."""
        return f'"{self.version}"'


class Page(Reply, Generic[T]):
    """One page of a list; `next` goes into `after`."""

    items: list[T]
    next: str | None = None
    count: int | None = Field(default=None, description="All that match, when asked with count=true")


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _no_controls(value: object) -> object:
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError("control characters are not allowed")
    return value


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), BeforeValidator(_no_controls)
]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000), BeforeValidator(_no_controls)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=128), BeforeValidator(_no_controls)]
LegalDay = Annotated[date, Field(ge=date(1985, 4, 1), le=date(2199, 12, 31))]  # since the first Patent Law
Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class ViolationOut(Reply):
    """One reason for a no."""

    rule: str
    severity: Literal["BLOCK", "WARN"]
    message: str
    legal_basis: str | None
    pointer: str | None
    cure: str | None


class ProblemOut(Reply):
    """RFC 9457 problem details: every error of the platform."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    violations: list[ViolationOut]


class Health(Reply):
    """Whether the process lives, or is ready: each dependency named, null when well."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str | None] = {}


def dump(model: BaseModel) -> Any:
    """A model as plain JSON data, as it goes onto the feed."""
    return model.model_dump(mode="json")
