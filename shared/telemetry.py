"""Traces, off unless an OTLP endpoint is configured: without one nothing is recorded or sent.

Spans carry method, route template, status and duration; never a body, a query or a token.
"""

from __future__ import annotations

import importlib.util

from shared.settings import SettingsRefused

# FastAPI's own instrumentation: requests only. Its logs would carry rejected input.
FASTAPI = {"tracing": True, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


def configure(endpoint: str, service: str) -> None:
    """Send traces to an OTLP/HTTP endpoint. Call once a process.

    Raises: SettingsRefused, when the extra `telemetry` is not installed.
    """
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        raise SettingsRefused("DUIJIE_OTLP_ENDPOINT needs the extra: install duijie[telemetry]")
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"duijie-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
