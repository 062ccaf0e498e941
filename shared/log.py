"""One JSON line per event, on stderr. Ids and figures only: no secret, no text of a need."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from shared import context


def _with_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request_id := context.request_id.get():
        event["request_id"] = request_id
    return event


_configured: tuple[str, TextIO] = "INFO", sys.stderr


def level() -> str:
    """As configured: for a child that logs as we do."""
    return _configured[0]


def stream() -> TextIO:
    """Where our lines go: for a child that logs as we do."""
    return _configured[1]


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send our events and the libraries' warnings through one JSON formatter. Call once a process."""
    global _configured  # noqa: PLW0603 - of the process, as what it configures
    _configured = level, stream
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[_with_request, *shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_with_request, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def logger(service: str) -> Any:
    """A logger whose lines name the service."""
    return structlog.get_logger(service=service)
