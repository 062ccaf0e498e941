"""Prometheus figures with bounded labels: services, route templates, status codes, loop names."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

registry = CollectorRegistry()

requests = Counter(
    "duijie_requests_total", "Requests answered", ["service", "method", "route", "status"], registry=registry
)
seconds = Histogram(
    "duijie_request_seconds",
    "Seconds from request to last byte",
    ["service", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=registry,
)
loop_healthy = Gauge("duijie_loop_healthy", "1 while a supervised loop runs", ["service", "loop"], registry=registry)
feed_position = Gauge("duijie_feed_position", "Last change applied", ["service", "feed"], registry=registry)
indexed = Gauge("duijie_index_documents", "Documents in an index", ["index"], registry=registry)


def exposition() -> bytes:
    """All figures in the text format."""
    return generate_latest(registry)
