"""Is this job there? Three answers, and unknown is one of them.

Gone = a final record of this very job, or absence from two complete views and a scheduler that, asked about this job,
says that it knows no such id. Whatever else happens, a server is kept.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from facility.errors import FacilityError
from facility.models import Job, Life
from spawners.start.outlook import Outlook
from spawners.start.together import Together

log = logging.getLogger("beamside.life")

CLOCKS_MAY_DIFFER = timedelta(minutes=2)
"""Between this host and the controller; a job older than its intent by more than this is another job of that id."""


@dataclass(frozen=True)
class Sight:
    """What is known of one job at this moment."""

    life: Life
    job: Job | None = None
    problem: str = ""  # why nothing is known, where nothing is
    since: datetime | None = None  # when the last thing was known, where nothing is now


class JobWatch:
    """Judges one job by what all servers of its system know together."""

    def __init__(self, outlook: Outlook, job_id: str, planned: datetime) -> None:
        self.job_id = job_id
        self._outlook = outlook
        self._not_before = planned - CLOCKS_MAY_DIFFER
        self._absent_from: set[datetime] = set()
        self._last = Sight(Life.UNKNOWN, problem="nobody was asked yet")
        self._silent_since: datetime | None = None

    async def look(self, *, ask: bool = False) -> Sight:
        """Judge the job now; `ask` has a question put about it whatever the views say. Never raises FacilityError."""
        told = await self._outlook.tell(self.job_id)
        job = self._mine(told.job)
        if job is not None and not ask:
            return self._remember(self._seen(job))
        if told.absent_from is not None and told.absent_from > self._not_before:
            self._absent_from.add(told.absent_from)
        proven = len(self._absent_from) >= 2
        if ask or proven:
            return self._remember(await self._ask(self._outlook.hints if ask else self._outlook.doubts, proven))
        if told.problem:
            return self._remember(Sight(Life.UNKNOWN, self._last.job, told.problem))
        return self._last

    async def _ask(self, whom: Together, proven: bool) -> Sight:
        try:
            job = self._mine(await whom.job(self.job_id))
        except FacilityError as error:
            return Sight(Life.UNKNOWN, self._last.job, str(error))
        if job is not None:
            return self._seen(job)
        if proven:
            return Sight(Life.GONE)
        return Sight(Life.UNKNOWN, self._last.job, "the scheduler did not know the job; asking again")

    def _seen(self, job: Job) -> Sight:
        self._absent_from.clear()
        return Sight(Life.GONE if job.state.is_final else Life.ALIVE, job)

    def _mine(self, job: Job | None) -> Job | None:
        """The job, unless its id was given to an older or a later job by a scheduler that began to count anew."""
        if job is not None and job.submitted is not None and job.submitted < self._not_before:
            return None
        return job

    def _remember(self, sight: Sight) -> Sight:
        """Keep what was seen, and since when nothing is known."""
        if sight.life is Life.UNKNOWN:
            if self._silent_since is None:
                self._silent_since = datetime.now(UTC)
                log.debug("nothing is known of job %s: %s; its server is kept", self.job_id, sight.problem)
            sight = replace(sight, since=self._silent_since)
        elif self._silent_since is not None:
            self._silent_since = None
            log.debug("job %s is known again: %s", self.job_id, sight.life)
        if sight.life is Life.GONE:
            self._outlook.forget(self.job_id)
        self._last = sight
        return sight
