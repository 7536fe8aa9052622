"""Targeted questions about single jobs, put together: their number does not grow with the number of servers."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from facility.errors import FacilityError, Unreachable, Unreadable
from facility.models import Job

Answer = Job | FacilityError | None
"""A job, why nothing is known of it, or None: the scheduler positively knows no such job."""

AT_ONCE = 200
"""Jobs that accounting is asked about in one question."""

log = logging.getLogger("beamside.questions")


class Holding(Protocol):
    """What the controller told of several jobs; `malformed` counts what could not be read of its answer."""

    @property
    def jobs(self) -> Sequence[Job]: ...

    @property
    def malformed(self) -> int: ...


class Questions(Protocol):
    """What a scheduler can be asked about jobs. Raises facility.errors; None means: positively no such job."""

    async def job(self, job_id: str) -> Job | None: ...

    async def held(self, job_ids: Sequence[str]) -> Holding: ...

    async def records(self, job_ids: Sequence[str]) -> dict[str, Job]: ...


class Together:
    """Gathers those who ask while a question is on its way, or too soon after one, into the next.

    Parameters
    ----------
    put : asks about several jobs and answers for each of them.
    pause : seconds from one question to the next; the first is put at once.
    """

    def __init__(self, put: Callable[[Sequence[str]], Awaitable[Mapping[str, Answer]]], pause: float) -> None:
        self._put = put
        self._pause = pause
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._rounds: asyncio.Task[None] | None = None

    async def job(self, job_id: str) -> Job | None:
        """What is known of one job; None where the scheduler positively knows no such. Raises facility.errors."""
        if job_id not in self._waiting:
            self._waiting[job_id] = asyncio.get_running_loop().create_future()
        answer = self._waiting[job_id]
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._run(), name="questions about jobs")
        found = await asyncio.shield(answer)  # who gives up does not take the answer from the others
        if isinstance(found, FacilityError):
            raise found
        return found

    async def _run(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            answers = await self._answers(list(asked))
            for job_id, waiting in asked.items():
                waiting.set_result(answers[job_id])
            await asyncio.sleep(self._pause)

    async def _answers(self, job_ids: list[str]) -> Mapping[str, Answer]:
        try:
            return await self._put(job_ids)
        except FacilityError as error:
            return dict.fromkeys(job_ids, error)
        except Exception as error:  # a mistake must not leave anybody waiting for ever
            log.error("jobs could not be asked about for a mistake", exc_info=error)
            return dict.fromkeys(job_ids, Unreachable(f"the scheduler was not asked for a mistake ({error!r})"))


async def ask(scheduler: Questions, job_ids: Sequence[str], *, singly: int) -> dict[str, Answer]:
    """What the controller holds of these jobs, and what is to be known of those that it does not hold."""
    if len(job_ids) == 1:
        return {job_ids[0]: await _one(scheduler, job_ids[0])}
    held: dict[str, Answer] = {job.id: job for job in (await scheduler.held(job_ids)).jobs if job.id in job_ids}
    left = [job_id for job_id in job_ids if job_id not in held]
    return held | (await settle(scheduler, left, singly=singly) if left else {})


async def settle(scheduler: Questions, job_ids: Sequence[str], *, singly: int) -> dict[str, Answer]:
    """Find out about jobs that the controller does not hold: accounting for many at once, else one by one.

    singly : how many of those that accounting cannot tell of are asked about by themselves; the others wait.
    """
    found: dict[str, Answer] = {}
    if len(job_ids) > 1:
        try:
            found.update(await scheduler.records(job_ids[:AT_ONCE]))
        except FacilityError as error:
            log.debug("accounting did not answer about %d jobs: %s", len(job_ids), error)
    left = [job_id for job_id in job_ids if job_id not in found]
    chosen = random.sample(left, min(singly, len(left)))  # so that one without an answer keeps none from its turn
    for job_id in chosen:
        found[job_id] = await _one(scheduler, job_id)
    waits = Unreadable("many jobs left the queue at once; each is asked about in its turn")
    return dict.fromkeys(job_ids, waits) | found


async def _one(scheduler: Questions, job_id: str) -> Answer:
    try:
        return await scheduler.job(job_id)
    except FacilityError as error:
        return error
