"""What the hub's /metrics tells of starts, beside JupyterHub's own figures."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Protocol

from prometheus_client import Counter, Gauge, Histogram

QUEUE_WAIT = Histogram(
    "beamside_queue_wait_seconds",
    "From a server's submission to its start on its nodes.",
    ["system", "partition", "reservation"],
    buckets=(1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 43200, 86400, math.inf),
)
STARTS = Counter("beamside_starts", "Starts of servers that are over, by how: served, or why not.", ["outcome"])
ENDS = Counter("beamside_server_ends", "Jobs of servers that ended, by how.", ["kind"])
ADOPTED = Counter("beamside_jobs_adopted", "Jobs found by their mark and taken back into a start or a server.")
SPARES = Counter("beamside_spare_jobs_cancelled", "Jobs that served no request any more and were cancelled.")
POLL_AGE = Gauge("beamside_poll_age_seconds", "Age of the hub's view of the queue; NaN before the first.", ["system"])


class Aged(Protocol):
    """What has an age; None before the first look at the queue."""

    @property
    def age(self) -> timedelta | None: ...


def show_poll_age(system: str, view: Aged) -> None:
    """Let /metrics ask how old this view of a system's queue is, whenever it is read."""
    POLL_AGE.labels(system=system).set_function(lambda: math.nan if view.age is None else view.age.total_seconds())
