"""Jobs that ended while the service was away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from facility.errors import Unreachable
from facility.models import Job, JobState
from facility.service.callbacks.catching_up import MARK, PERIOD, catch_up, keep_up
from facility.service.callbacks.service import Callbacks
from facility.service.scheduler.budget import Budget
from facility.testing import until

from .conftest import MovedClock, Receiver

MakeJob = Callable[..., Job]


async def test_a_job_that_ended_meanwhile_is_told_from_accounting(
    callbacks: Callbacks, receiver: Receiver, person: str, make_job: MakeJob, clock: MovedClock
) -> None:
    """Once, however often the service starts; one that still runs is the queue's to tell."""
    await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    seen = clock.now()
    await callbacks.mark(MARK, seen)
    clock.move(600)
    ended = make_job("7", user=person, state=JobState.COMPLETED, ends=clock.now() - timedelta(minutes=5))
    asked: list[tuple[str, datetime]] = []

    async def history(user: str, since: datetime) -> list[Job]:
        asked.append((user, since))
        return [ended, make_job("8", user=person)]

    for _ in range(2):
        await catch_up(callbacks, history, Budget(clock), clock)
    [request] = await receiver.wait(1)
    await callbacks.ping(request.event["callback"], person)
    await receiver.wait(2)

    assert ["job.completed", "callback.ping"] == [received.event["type"] for received in receiver.requests]
    assert (person, True) == (asked[0][0], asked[0][1] < seen)


async def test_without_a_mark_nothing_is_asked(callbacks: Callbacks, clock: MovedClock) -> None:
    """The first start has missed nothing."""

    async def history(user: str, since: datetime) -> list[Job]:
        raise AssertionError("accounting was asked")

    assert await catch_up(callbacks, history, Budget(clock), clock)


@pytest.mark.usefixtures("receiver")
async def test_the_mark_stays_while_accounting_does_not_answer(
    callbacks: Callbacks, receiver: Receiver, person: str, clock: MovedClock
) -> None:
    """Else what was missed would be forgotten."""
    await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    before = clock.now()
    await callbacks.mark(MARK, before)
    answers = iter([Unreachable("sacct: no"), []])
    asked = 0

    async def history(user: str, since: datetime) -> list[Job]:
        nonlocal asked
        asked += 1
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    work = asyncio.create_task(keep_up(callbacks, history, clock.now, Budget(clock), clock))
    await until(lambda: asked == 1)
    assert before == await callbacks.marked(MARK)
    clock.move(PERIOD + 1)
    await until(lambda: asked == 2)
    await until(lambda: callbacks.stores.subscriptions.marked(MARK) != before)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
