"""One attempt to start a server, as metrics and as an event, whatever became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyterhub.spawner import SpawnException

from facility.models import Job
from spawners.desks import Desks
from spawners.intents import Intent
from spawners.start.metrics import QUEUE_WAIT, STARTS

SCHEMA = "urn:beamside:spawn-attempt:v1"

SCHEMA_FILE = Path(__file__).parent / "events" / "spawn-attempt.v1.yaml"

log = logging.getLogger("beamside.attempt")


class Attempt:
    """Use it as ``with Attempt(desks, user, server) as attempt``, and give it the intent once there is one."""

    def __init__(self, desks: Desks, user: str, server: str) -> None:
        self.intent: Intent | None = None
        self._desks = desks
        self._who = {"username": user, "servername": server}
        self._began = time.monotonic()

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome, reason = _outcome(error)
        STARTS.labels(outcome=reason or outcome).inc()
        try:
            self._emit(outcome, reason)
        except Exception as problem:  # a log that cannot be written stops nobody's server
            log.error("the event of a start could not be written", exc_info=problem)

    def _emit(self, outcome: str, reason: str) -> None:
        events = self._desks.first.hub_settings().get("eventlog")
        if events is None:
            return
        if SCHEMA not in events.schemas:
            events.register_event_schema(SCHEMA_FILE)
        seconds = round(time.monotonic() - self._began, 3)
        facts = {"outcome": outcome, "reason": reason, "seconds": seconds, **self._about_the_job()}
        events.emit(schema_id=SCHEMA, data={**self._who, **facts})

    def _about_the_job(self) -> dict[str, Any]:
        if self.intent is None:
            return {}
        intent = self._desks.intents.by_nonce(self.intent.nonce) or self.intent
        asked, feed = intent.request, self._desks.of(intent).feed
        job = feed.latest(intent.job_id) if intent.job_id else None
        return {
            "system": intent.system,
            "job_id": intent.job_id,
            "account": asked.account,
            "qos": asked.qos,
            "partition": asked.partition,
            "reservation": asked.reservation,
            "nodes": asked.nodes,
            "queue_seconds": queued(job),
        }


def queued(job: Job | None) -> float | None:
    """Seconds that a job waited; None while it waits, and where Slurm does not tell."""
    if job is None or job.state.is_waiting or job.submitted is None or job.starts is None:
        return None
    return max((job.starts - job.submitted).total_seconds(), 0.0)


def observe_wait(job: Job, system: str) -> None:
    """Count a job's wait when it claims; after a requeue its times tell something else."""
    if not job.restarts and (seconds := queued(job)) is not None:
        QUEUE_WAIT.labels(system=system, partition=job.partition, reservation=job.reservation).observe(seconds)


def _outcome(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "served", ""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled", ""
    return "failed", str(error.reason) if isinstance(error, SpawnException) else "error"
