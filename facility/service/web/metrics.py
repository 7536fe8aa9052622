"""Figures for Prometheus: requests as they come, and how the parts are at the moment of asking. No names of people."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Count
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facility.errors import StoreFailed
from facility.service.parts import Parts

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
STATES = {"up": 1.0, "down": 0.0}


class Requests:
    """Counts what is asked, by the route's own path: never by what somebody put into it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self._count = Counter("beamside_requests", "Requests answered", (*labels, "status"), registry=self.registry)
        self._seconds = Histogram(
            "beamside_request_seconds", "Until the answer began", labels, buckets=BUCKETS, registry=self.registry
        )

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one."""
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class Measured:
    """The middleware that counts; a stream counts when it begins."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        answered = False

        async def noted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._requests.answered(scope, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if not answered:  # the outermost layer makes it a 500
                self._requests.answered(scope, 500, time.perf_counter() - began)
            raise


async def exposition(parts: Parts, requests: Requests) -> bytes:
    """Everything in Prometheus' text format."""
    try:
        operations = await parts.operations.counts()
    except StoreFailed:
        operations = {}  # the part `operations` tells that it is down
    now = CollectorRegistry()
    now.register(_Now(parts, operations))
    return await asyncio.to_thread(lambda: generate_latest(requests.registry) + generate_latest(now))


class _Now:
    """How the parts are."""

    def __init__(self, parts: Parts, operations: dict[tuple[str, str], int]) -> None:
        self._parts = parts
        self._operations = operations

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        parts = self._parts
        up = GaugeMetricFamily(
            "beamside_part_up", "1: it works; 0: it does not; absent: not asked yet", labels=["part"]
        )
        for subsystem in (watched.subsystem for watched in parts.watched):
            if subsystem.state in STATES:
                up.add_metric([subsystem.name], STATES[subsystem.state])
        yield up
        jobs = GaugeMetricFamily("beamside_jobs", "Jobs as the scheduler last told them", labels=["state"])
        for word, count in Count(str(job.state) for job in parts.ledger.everything()[2]).items():
            jobs.add_metric([word], count)
        yield jobs
        if parts.ledger.taken:
            age = (parts.clock.now() - parts.ledger.taken).total_seconds()
            yield GaugeMetricFamily("beamside_poll_age_seconds", "Since the last complete look at the queue", value=age)
        polls = float(parts.poller.is_polling)
        yield GaugeMetricFamily("beamside_is_polling", "1: this process asks the scheduler for all", value=polls)
        malformed = parts.ledger.malformed_rows
        yield CounterMetricFamily("beamside_malformed_rows", "Rows of squeue that could not be read", value=malformed)
        yield GaugeMetricFamily("beamside_listeners", "Open event streams", value=len(parts.broadcast))
        work = GaugeMetricFamily("beamside_operations", "Durable operations", labels=["kind", "state"])
        for (kind, state), count in self._operations.items():
            work.add_metric([kind, state], count)
        yield work
