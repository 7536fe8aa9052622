"""When one node would start, for everybody's cards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from facility.errors import OptionError
from facility.models import Estimate, JobRequest
from spawners.usual_starts import ASKED_ANEW, PAUSE, TOLD, Place, UsualStarts

PLACES = [("partition", "cpu"), ("qos", "realtime")]


class Scheduler:
    """Answers at once that it would start in ten minutes, unless it is away; says what it was asked."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.asked: list[tuple[str, str, str]] = []
        self.away = False

    async def ask(self, user: str, request: JobRequest) -> Estimate | None:
        self.asked.append((user, request.partition, request.qos))
        return None if self.away else Estimate(self.now, starts=self.now + timedelta(minutes=10))


def alone(place: Place) -> JobRequest:
    """A request in which nothing but the place was chosen."""
    if place[1] == "closed":
        raise OptionError(place[0], "it is closed")
    chosen = {"partition": "usual", "qos": "normal", place[0]: place[1]}
    return JobRequest(account="beam", walltime=timedelta(hours=1), **chosen)


async def looked(starts: UsualStarts, user: str = "ana", places: list[Place] = PLACES) -> None:
    """Somebody looks, and the answer has time to come."""
    starts.look(user, places, alone)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_each_place_is_asked_about_once_whoever_looks() -> None:
    """One question a look; the answers are everybody's, and are asked for anew when they are old."""
    scheduler = Scheduler()
    starts = UsualStarts(scheduler, lambda: scheduler.now)

    for user in ("ana", "ben", "kim"):
        await looked(starts, user)
    assert [("ana", "cpu", "normal"), ("ben", "usual", "realtime")] == scheduler.asked
    known = starts.known()
    assert ({"cpu"}, {"realtime"}) == (set(known.partitions), set(known.qos))

    scheduler.now += ASKED_ANEW + timedelta(seconds=1)
    await looked(starts)
    assert ("ana", "cpu", "normal") == scheduler.asked[-1]


async def test_two_looks_at_once_put_one_question() -> None:
    """The second finds it under way."""
    scheduler = Scheduler()
    starts = UsualStarts(scheduler, lambda: scheduler.now)

    starts.look("ana", PLACES, alone)
    starts.look("ben", PLACES, alone)
    await asyncio.sleep(0)

    assert 1 == len(scheduler.asked)


async def test_a_scheduler_that_does_not_answer_is_left_alone_for_a_while_and_old_answers_end() -> None:
    """What was known stays until it says nothing any more."""
    scheduler = Scheduler()
    starts = UsualStarts(scheduler, lambda: scheduler.now)
    await looked(starts)
    scheduler.away = True

    for _ in range(5):
        await looked(starts)
    assert 2 == len(scheduler.asked)
    assert {"cpu"} == set(starts.known().partitions)

    scheduler.now += PAUSE
    await looked(starts)
    assert 3 == len(scheduler.asked)

    scheduler.now += TOLD
    assert {} == starts.known().partitions


async def test_what_one_may_not_ask_for_is_passed_over() -> None:
    """A refused choice holds up no other, and its card says nothing of starts."""
    scheduler = Scheduler()
    starts = UsualStarts(scheduler, lambda: scheduler.now)

    for _ in range(2):
        await looked(starts, places=[("partition", "closed"), ("qos", "realtime")])

    assert [("ana", "usual", "realtime")] == scheduler.asked
    assert {} == starts.known().partitions
