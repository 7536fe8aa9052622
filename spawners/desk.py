"""The desk of one system: its offers, its job feed, its scheduler, and the store of intents that all desks share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from facility.models import Estimate, Job, JobChange, JobRequest
from facility.offer import Offer
from facility.profile import Profile, System
from facility.providers.slurm.run import Runner
from spawners.intents import IntentStore
from spawners.start.outlook import Outlook, View
from spawners.start.together import Questions
from spawners.usual import Usual
from spawners.usual_starts import UsualStarts
from spawners.waits import WaitHistory

AT_ONCE = 16
"""Jobs that are handed in at the same time. Each takes programs of its own, and a hub that begins hundreds of them at
once waits for each until the machine lets it run, and hears nobody meanwhile."""


class Offers(Protocol):
    """What this person may use right now; never raises, and takes no longer than its budget unless one insists."""

    async def offer(self, user: str, *, quick: bool = False, insist: bool = False) -> Offer: ...


class Estimates(Protocol):
    """When a request would start, as the scheduler reckons; never raises for one that fails."""

    def held(self, user: str, request: JobRequest) -> Estimate | None: ...

    async def ask(self, user: str, request: JobRequest) -> Estimate | None: ...


class Feed(View, Protocol):
    """The shared view of the queue, and every change of it as it comes."""

    def listen(self) -> AsyncIterator[JobChange]: ...


class Scheduler(Questions, Protocol):
    """The questions and acts of a spawner. Raises facility.errors."""

    def by(self, run: Runner) -> Scheduler: ...

    async def find_by_nonce(self, user: str, nonce: str) -> list[Job]: ...

    async def submit(
        self,
        request: JobRequest,
        script: bytes,
        *,
        user: str,
        name: str,
        comment: str,
        directory: str,
        output: str,
        extra: Sequence[str] = (),
    ) -> str: ...

    async def cancel(self, job_id: str, *, user: str) -> None: ...


class UserFiles(Protocol):
    """The two things done to files as the user: hand a job in with its secret, read back what the job wrote."""

    def with_claim(self, name: str, secret: bytes) -> Runner: ...

    async def tail_log(self, user: str, name: str, lines: int = 50) -> bytes: ...


@dataclass(frozen=True)
class Desk:
    """What a hub's spawners need of one system."""

    profile: Profile
    profile_path: Path
    offers: Offers
    estimates: Estimates
    feed: Feed
    scheduler: Scheduler
    files: UserFiles
    intents: IntentStore
    hub_settings: Callable[[], MutableMapping[str, Any]]  # those that the hub's request handlers read
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def name(self) -> str:
        """What the profile calls the system; intents, options and addresses name it so."""
        return self.profile.system_name

    @property
    def system(self) -> System:
        """The facts of the system."""
        return self.profile.system

    @cached_property
    def outlook(self) -> Outlook:
        """What is known of the jobs here, and the one place that asks whether they are alive."""
        return Outlook(self.feed, self.scheduler)

    @cached_property
    def usual_starts(self) -> UsualStarts:
        """When one node would start here, for the cards of everybody's form."""
        return UsualStarts(self.estimates, self.now)

    @cached_property
    def turn(self) -> asyncio.Semaphore:
        """Whose turn it is to hand a job in; first come, first served."""
        return asyncio.Semaphore(AT_ONCE)

    @property
    def waits(self) -> WaitHistory:
        """How long jobs of this hub waited here."""
        return self.intents.waits_of(self.name)

    def usual(self, now: datetime) -> Usual:
        """What is usual here, for the cards of a form."""
        return Usual(self.waits.typical(now), self.usual_starts.known())

    def job_name(self, nonce: str) -> str:
        """The name and comment by which a job of ours is found again."""
        return f"jupyter-{self.intents.hub_id}-{nonce}"
