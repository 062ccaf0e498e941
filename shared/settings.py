"""Settings from the environment, read once, refused by name when unknown or malformed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "DUIJIE_"


class Settings(BaseModel):
    """Frozen; a field `port` is read from `DUIJIE_PORT`. An empty variable counts as not set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Port = Annotated[int, Field(ge=0, le=65535)]


class HostSettings(Settings):
    """What every process of the platform reads."""

    home: Path = Path(".data")
    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 8000
    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    postgres_bin: Path | None = None  # folder with initdb and postgres, before the wheel's own
    sample: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://")


class SettingsRefused(Exception):
    """A setting is unknown or malformed; the message names it."""


S = TypeVar("S", bound=Settings)


def read(model: type[S], environ: Mapping[str, str], prefix: str = PREFIX) -> S:
    """The settings of one model from variables `PREFIX + FIELD`.

    Raises: SettingsRefused, naming variable and fault, never its value (it may be a secret).
    """
    raw = {name: environ[key] for name in model.model_fields if environ.get(key := prefix + name.upper())}
    try:
        return model.model_validate(raw)
    except ValidationError as refused:
        faults = "; ".join(f"{prefix}{str(error['loc'][0]).upper()}: {error['msg']}" for error in refused.errors())
        raise SettingsRefused(f"malformed setting {faults}") from None


def refuse_unknown(environ: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse a variable with our prefix that nobody reads: a typing error would be silent otherwise."""
    names = set(known)
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in names:
            raise SettingsRefused(f"unknown setting {key}; known are {', '.join(sorted(names))}")


def names(model: type[Settings], prefix: str = PREFIX) -> list[str]:
    """The variables that a model reads."""
    return [prefix + name.upper() for name in model.model_fields]


def environment() -> Mapping[str, str]:
    """The process's environment: the one place that looks at it."""
    return os.environ
