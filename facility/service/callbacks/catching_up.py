"""Jobs that ended while nobody looked: what accounting recorded since this service last saw the queue."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from facility.errors import FacilityError
from facility.models import Job
from facility.service.callbacks.service import Callbacks
from facility.service.clock import Clock
from facility.service.events.happenings import job_happening
from facility.service.scheduler.budget import Budget

log = logging.getLogger(__name__)

MARK = "queue seen"
PERIOD = 30.0  # seconds between two marks
MARGIN = timedelta(minutes=2)
"""Accounting lags, and clocks differ; what is told twice arrives once."""

History = Callable[[str, datetime], Awaitable[list[Job]]]


async def keep_up(
    callbacks: Callbacks, history: History, taken: Callable[[], datetime | None], budget: Budget, clock: Clock
) -> None:
    """Tell what was missed before this start, then mark how far the queue was seen, for ever.

    `history` asks accounting about one user's jobs since a time; `taken` tells when the queue was last seen.
    """
    caught_up = False
    while True:
        try:
            caught_up = caught_up or await catch_up(callbacks, history, budget, clock)
            seen = taken()
            if caught_up and seen:
                await callbacks.mark(MARK, seen)
        except FacilityError as error:
            log.info("jobs that ended meanwhile are told later: %s", error)
        await clock.sleep(PERIOD)


async def catch_up(callbacks: Callbacks, history: History, budget: Budget, clock: Clock) -> bool:
    """Tell of jobs that ended since the mark. Raises what accounting raises; then it is tried again."""
    since = await callbacks.marked(MARK)
    for owner in sorted(callbacks.owners) if since else ():
        await budget.spend(1)
        for job in await history(owner, (since or clock.now()) - MARGIN):
            happening = job_happening(job, clock.now()) if job.state.is_final else None
            if happening:
                callbacks.hear(happening)
    return True
