"""One start, from the submitted job to its claim: waits as long as the queue takes, and not a second for a dead job."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from jupyterhub.spawner import SpawnException

from facility.admission import JudgedReservation
from facility.models import Job, JobState, Life
from facility.offer import Part
from spawners.desk import Desk
from spawners.failure import failure
from spawners.intents import Intent
from spawners.start.endings import Kind, conclude, log_tail
from spawners.start.life import JobWatch
from spawners.start.progress import Story, describe, printable
from spawners.start.reach import Reach, reach
from spawners.start.reserved import fate

QUESTIONS = 8
"""How often the scheduler is asked, a tick apart, after a job said that its script is over: it ends a moment later."""

PLACE_EVERY = 15.0
"""Seconds after which a waiting job's place in the queue is counted anew."""

RESERVATIONS_KEPT = 30.0
"""Seconds for which an answer about the reservation of a waiting job counts; the facility asks Slurm as often."""

TICK = 1.0
"""Seconds between two looks at the shared feed, in memory, while a job is on its way."""

QUEUE_TICK = 10.0
"""The same while the queue has the job: its claim, and what the feed tells of it, wake the start at once."""

FIRST_LOOK = 0.03
"""Seconds from the first look whether the server listens to the second."""

LOOKS_LATE = 0.04
"""Share of the time since the claim after which to look again, a tick at most: no server waits for a look much longer
than a fiftieth of its own start."""

LOOKS_APART = 0.002
"""Seconds for each server that is waited for, after which to look again at the soonest: however many there are, the hub
looks no more than 500 times a second."""


class Start:
    """Follows one submitted job until it claims and its server listens.

    begin_within : seconds that the job may take from its start on its nodes to its claim; the queue does not count.
    """

    _awaited: ClassVar[int] = 0  # servers of this hub that are waited for between their claim and their first answer

    def __init__(self, desk: Desk, intent: Intent, story: Story, begin_within: float) -> None:
        self.watch = JobWatch(desk.outlook, intent.job_id, intent.planned)
        self._desk = desk
        self._intent = intent
        self._story = story
        self._begin_within = begin_within
        self._wake = asyncio.Event()
        self._questions = 0  # targeted ones that the job's own "ended" still calls for
        self._described: tuple[Job | None, float] = (None, 0.0)
        self._reservations: Part[tuple[JudgedReservation, ...]] = Part((), None)
        self._asked_at = float("-inf")  # when, of the facility

    def heard(self, *, ended: bool) -> None:
        """The job called, or the queue told of it; `ended`: its script is over. A reason to look, never evidence."""
        self._questions = QUESTIONS if ended else self._questions
        self._wake.set()

    async def wait_claimed(self) -> Intent:
        """The intent with the place where its server will listen.

        Raises SpawnException when the job is gone, or runs too long without a claim. Cancelling leaves all as it is.
        """
        began: float | None = None
        with contextlib.ExitStack() as queue:
            queue.enter_context(self._place_lent_back())
            while True:
                now = self._desk.intents.by_nonce(self._intent.nonce)
                if now is not None and now.is_claimed:
                    self._story.tell("Your job answered; waiting for the first page.", 90)
                    return now
                job = await self._look()
                if job is not None and job.state is JobState.RUNNING:
                    queue.close()
                    began = began or time.monotonic()
                    if time.monotonic() - began > self._begin_within:
                        words = f"ran for {self._begin_within:.0f} seconds and did not reach the hub"
                        raise await self._too_slow(words)
                await self._pause(QUEUE_TICK if job is not None and job.state.is_waiting else TICK)

    async def wait_listening(self, claimed: Intent, seconds: float) -> None:
        """Wait until something listens where the job said.

        Raises SpawnException when the job is gone meanwhile, or nothing listens within `seconds`.
        """
        began, seen = time.monotonic(), float("-inf")
        Start._awaited += 1
        try:
            while (found := await reach(claimed.host, claimed.port)) is not Reach.LISTENS:
                if found is Reach.NAMELESS:
                    self._story.tell(f"The hub has no address for the node {claimed.host}; it asks again.", 90)
                if time.monotonic() - seen >= TICK:
                    await self._look()
                    seen = time.monotonic()
                if (waited := time.monotonic() - began) > seconds:
                    where = f"{claimed.host}:{claimed.port}"
                    raise await self._too_slow(f"does not serve at {where} after {seconds:.0f} seconds ({found.value})")
                if await self._pause(min(max(FIRST_LOOK, waited * LOOKS_LATE, Start._awaited * LOOKS_APART), TICK)):
                    seen = float("-inf")
        finally:
            Start._awaited -= 1

    async def _pause(self, seconds: float) -> bool:
        """Rest for so long, or until the job calls; whether it did."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        called = self._wake.is_set()
        self._wake.clear()
        return called

    async def _look(self) -> Job | None:
        """What is known of the job now; raises when it is gone."""
        asks, self._questions = self._questions > 0, max(self._questions - 1, 0)
        sight = await self.watch.look(ask=asks)
        if sight.life is Life.GONE:
            ending = await conclude(self._desk, self._intent, sight.job, served=False)
            raise failure(f"{ending.words} {ending.remedy}", ending.kind, 500)
        if sight.life is Life.UNKNOWN and sight.since is not None:
            self._story.tell(f"The scheduler has not answered since {sight.since:%H:%M} UTC; your job is kept.")
        elif sight.job is not None and self._is_news(sight.job):
            snapshot, now = self._desk.feed.snapshot, self._desk.now()
            opens, kept_by = await self._of_reservation(sight.job)
            starts = (sight.job.starts or opens) if sight.job.state.is_waiting else None
            as_of = snapshot.taken if snapshot else now
            self._story.tell(*describe(sight.job, snapshot, now, opens, kept_by), as_of=as_of, starts=starts)
        return sight.job

    async def _of_reservation(self, job: Job) -> tuple[datetime | None, str]:
        """When the reservation begins that a job waits for, and what else keeps it from starting there."""
        wanted = self._intent.request
        if not wanted.reservation or job.state is JobState.RUNNING:
            return None, ""
        if time.monotonic() - self._asked_at > RESERVATIONS_KEPT:
            self._reservations = (await self._desk.offers.offer(self._intent.user, quick=True)).reservations
            self._asked_at = time.monotonic()
        known, now = self._reservations, self._desk.now()
        begins = next((found.starts for found in known.value if found.name == wanted.reservation), None)
        return begins if job.starts is None else None, fate(job, wanted, known, now)

    def _is_news(self, job: Job) -> bool:
        """Whether to describe the job again: it changed, or those ahead of it may have."""
        last, when = self._described
        if job == last and time.monotonic() - when < PLACE_EVERY:
            return False
        self._described = (job, time.monotonic())
        return True

    async def _too_slow(self, words: str) -> SpawnException:
        self._desk.intents.note(self._intent.nonce, Kind.TOO_SLOW)
        said = printable(await log_tail(self._desk, self._intent))
        sentence = f"Your job {self._intent.job_id} {words}. It wrote last: {said or 'nothing'}."
        return failure(f"{sentence} It is cancelled; start again.", Kind.TOO_SLOW, 500)

    @contextlib.contextmanager
    def _place_lent_back(self) -> Iterator[None]:
        """While the job waits in the queue, its place among the hub's concurrent spawns is somebody else's."""
        settings = self._desk.hub_settings()
        limited = bool(settings.get("concurrent_spawn_limit"))
        if limited:
            settings["concurrent_spawn_limit"] += 1
        try:
            yield
        finally:
            if limited:
                settings["concurrent_spawn_limit"] -= 1
