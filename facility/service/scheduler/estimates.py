"""When a request would start: asked once for all who ask the same, remembered for a minute, and not too often."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from facility.errors import Busy, NotAllowed, NotSignedIn, SubmitRefused, Unreachable, Unreadable
from facility.models import Estimate, JobRequest
from facility.providers.slurm import Slurm
from facility.providers.slurm.will_run import RPCS, begin_of
from facility.service.caller import Mandate
from facility.service.clock import Clock
from facility.service.scheduler.beyond import beyond
from facility.service.scheduler.budget import ESTIMATES_CREDIT, ESTIMATES_RATE, Budget
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.polling import Polling

FRESH = timedelta(seconds=60)
"""How long an answer is given again without a question."""

KEPT = timedelta(minutes=15)
"""How long it stands in, with its age, where the scheduler may not be asked or does not answer."""

MOST = 2000
"""Answers that are remembered."""


class Estimates:
    """One system's estimates, each asked in the person's name by a mandate of whoever asks first."""

    def __init__(self, slurm_for: Callable[[Mandate], Slurm], facts: Facts, polling: Polling, clock: Clock) -> None:
        self._slurm_for = slurm_for
        self._facts = facts
        self._polling = polling
        self._clock = clock
        self._held: OrderedDict[tuple[str, JobRequest], Estimate] = OrderedDict()  # the one asked longest ago first
        self._asked: dict[tuple[str, JobRequest], asyncio.Task[Estimate]] = {}
        self._shares: dict[str, Budget] = {}

    async def estimate(self, mandate: Mandate, request: JobRequest) -> Estimate:
        """When `request` would start if the mandate's user submitted it now.

        Where the scheduler may not be asked or does not answer, the last answer comes with its age and why; without
        one this raises Busy or Unreachable. What the scheduler refuses is an answer too, with its words in `why_not`.
        """
        held = self._held.get((mandate.user, request))
        if held and self._clock.now() - held.as_of < FRESH:
            return held
        try:
            return await self._answer(mandate, request)
        except (Busy, Unreachable, Unreadable) as error:
            if held and self._clock.now() - held.as_of < KEPT:
                return replace(held, problem=str(error))
            raise

    async def _answer(self, mandate: Mandate, request: JobRequest) -> Estimate:
        """One question for all who ask the same. Who gives up does not take the answer from the others."""
        key = (mandate.user, request)
        task = self._asked.get(key)
        if task is None:
            return await asyncio.shield(self._start(mandate, request))
        try:
            return await asyncio.shield(task)
        except (NotSignedIn, NotAllowed):
            return await self._answer(mandate, request)  # that was the proof of whoever asked first

    def _start(self, mandate: Mandate, request: JobRequest) -> asyncio.Task[Estimate]:
        key = (mandate.user, request)
        task = self._asked[key] = asyncio.create_task(self._ask(mandate, request))
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: tuple[str, JobRequest], done: asyncio.Task[Estimate]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # so that one that nobody waited for is not complained of

    async def _ask(self, mandate: Mandate, request: JobRequest) -> Estimate:
        begin = await self._begin(request)
        now = self._clock.now()
        if why_not := beyond(request, self._facts, begin or now):
            return self._hold(mandate.user, request, Estimate(now, why_not=why_not))
        await self._may_ask(mandate.user)
        now = self._clock.now()
        try:
            found = await self._slurm_for(mandate).estimate(request, user=mandate.user, begin=begin)
        except SubmitRefused as refusal:
            found = Estimate(now, why_not=str(refusal))
        return self._hold(mandate.user, request, replace(found, as_of=now))

    async def _begin(self, request: JobRequest) -> datetime | None:
        """When the request's reservation begins; None where it has begun, or none is wanted or known."""
        if not request.reservation:
            return None
        return begin_of(request, (await self._facts.reservations.known()).value, self._clock.now())

    async def _may_ask(self, user: str) -> None:
        """Raises Busy where too much is asked, by this person or by all, Unreachable while the scheduler is down."""
        scheduler = self._polling.watched.subsystem
        if scheduler.state == "down":
            raise Unreachable(f"the scheduler does not answer: {scheduler.last_error}")
        share = self._shares.setdefault(user, Budget(self._clock, ESTIMATES_RATE / 2, ESTIMATES_CREDIT / 2))
        if wait := share.take(RPCS):
            raise Busy(f"{user} has asked for many estimates; ask again in a moment", wait)
        await self._polling.leave_for(RPCS)

    def _hold(self, user: str, request: JobRequest, found: Estimate) -> Estimate:
        self._held[(user, request)] = found
        self._held.move_to_end((user, request))
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        return found
