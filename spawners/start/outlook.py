"""What a system's servers know of their jobs, all of them together: the feed first, then one look, then few questions.

Nobody asks the scheduler by himself: what it costs does not grow with the number of servers.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Protocol

from facility.feed import STALE
from facility.models import Job, JobSnapshot
from spawners.start.shared_look import ASK_EVERY, SharedLook, Told
from spawners.start.together import Questions, Together, ask, settle

HINTS_EVERY = 1.0
"""Seconds between two questions about jobs that said that they are over."""

HINTS_SINGLY = 5
"""Of those that neither controller nor accounting tells of, how many are asked about singly in one round."""

CLAIMS_EVERY = 0.05
"""Seconds between two questions about jobs that claim: those that begin in the same moment are confirmed together."""

DOUBTS_SINGLY = 1
"""The same for jobs that are missing, in the background: with the looks, less than half a call a second."""


class View(Protocol):
    """The shared view of the queue; listening costs the scheduler nothing."""

    @property
    def snapshot(self) -> JobSnapshot | None: ...

    @property
    def age(self) -> timedelta | None: ...

    def latest(self, job_id: str) -> Job | None: ...


class Outlook:
    """One system's jobs as its servers may know them.

    Attributes
    ----------
    hints : questions about jobs of which something was heard, answered within seconds.
    claims : questions about jobs that claim; each is put after its claim came, and answered as soon as Slurm does.
    doubts : questions about jobs that are missing from complete views, in the background.
    """

    def __init__(self, feed: View, scheduler: Questions) -> None:
        self._feed = feed
        self._look = SharedLook(scheduler)
        self.hints = Together(partial(ask, scheduler, singly=HINTS_SINGLY), HINTS_EVERY)
        self.claims = Together(partial(ask, scheduler, singly=HINTS_SINGLY), CLAIMS_EVERY)
        self.doubts = Together(partial(settle, scheduler, singly=DOUBTS_SINGLY), ASK_EVERY)

    async def tell(self, job_id: str) -> Told:
        """What the newest view tells of a job. Costs the scheduler nothing while the feed is fresh and tells of it."""
        age = self._feed.age
        fresh = age is not None and age < STALE
        if fresh and (job := self._feed.latest(job_id)) is not None:
            self._look.drop(job_id)
            return Told(job)
        own = await self._look.tell(job_id)
        snapshot = self._feed.snapshot if fresh else None
        if own.job is not None or own.absent_from is not None or snapshot is None:
            return own
        return Told(absent_from=snapshot.taken)

    def forget(self, job_id: str) -> None:
        """The job is gone; it is looked for no more."""
        self._look.drop(job_id)
