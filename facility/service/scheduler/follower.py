"""Another process's end of the line: a copy of what the polling process sees, and questions through it."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from pathlib import Path

from facility.answers import Subsystem
from facility.errors import Busy, FacilityError, NotFound, Unreachable
from facility.models import Job
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.facts import Facts, Known
from facility.service.scheduler.ledger import Ledger, Noted
from facility.service.scheduler.line import (
    Answer,
    Beginning,
    Change,
    FactNews,
    Kind,
    Leave,
    Question,
    adapter,
    frame,
    read_body,
    read_frame,
)
from facility.service.watched import Watched

SILENCE = 20.0  # seconds without a frame after which the line counts as broken; one comes every five
PATIENCE = 30.0  # seconds for an answer about one job


class Listener:
    """Keeps `ledger`, `facts` and their states as the polling process has them."""

    def __init__(self, ledger: Ledger, broadcast: Broadcast, facts: Facts, scheduler: Watched) -> None:
        self._ledger = ledger
        self._broadcast = broadcast
        self._facts = {fact.name: fact for fact in facts.all}
        self._watched = {watched.name: watched for watched in (scheduler, *(fact.watched for fact in facts.all))}
        self._jobs: list[Job] = []
        self._beginning = Beginning(0, None)
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Job | None]] = {}
        self._writer: asyncio.StreamWriter | None = None

    @property
    def is_connected(self) -> bool:
        """Whether questions reach the polling process."""
        return self._writer is not None

    async def follow(self, path: Path) -> None:
        """Follow the process at the socket `path` until the line ends. Raises Unreachable saying how it ended."""
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError as error:
            raise Unreachable(f"nobody answers at the poller's socket: {error.strerror}") from error
        self._writer = writer
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    kind, body = await read_frame(reader)
                self._take(kind, body)
        except (EOFError, OSError, TimeoutError) as error:
            raise Unreachable(f"the line to the polling process ended ({type(error).__name__})") from error
        finally:
            self._writer = None
            writer.close()
            for waiting in self._asked.values():
                waiting.cancel()
            self._asked.clear()

    async def look(self, job_id: str) -> Job:
        """Let the polling process ask about one job. Raises what it raised there, and Unreachable."""
        number = next(self._numbers)
        found = await self._ask(number, frame(Kind.LOOK, Question(number, job_id)))
        if found is None:
            raise Unreachable(f"the process that asks the scheduler said nothing of job {job_id}")
        return found

    async def leave_for(self, rpcs: float) -> None:
        """Let the polling process give leave to ask the scheduler. Raises Busy as it did there, and Unreachable."""
        number = next(self._numbers)
        await self._ask(number, frame(Kind.LEAVE, Leave(number, rpcs)))

    async def _ask(self, number: int, told: bytes) -> Job | None:
        """What the polling process answers to the question of this number."""
        if self._writer is None:
            raise Unreachable("the process that asks the scheduler is just being replaced; try again in a moment")
        waiting: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = waiting
        self._writer.write(told)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({waiting})
        except TimeoutError as error:
            raise Unreachable("the process that asks the scheduler gave no answer; try again in a moment") from error
        finally:
            self._asked.pop(number, None)
        if waiting.cancelled():
            raise Unreachable("the process that asks the scheduler went away; try again in a moment")
        return waiting.result()

    def hint(self, job_id: str) -> None:
        """Pass a hint on; one that comes while there is nobody to pass it to is lost, as hints may be."""
        if self._writer:
            self._writer.write(frame(Kind.HINT, Question(0, job_id)))

    def _take(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.BEGIN:
                self._beginning, self._jobs = read_body(Beginning, body), []
            case Kind.JOBS:
                self._jobs += read_body(tuple[Job, ...], body)
            case Kind.END:
                self._broadcast.publish(
                    self._ledger.restore(self._beginning.version, self._beginning.taken, self._jobs)
                )
                self._jobs = []
                self._broadcast.resync()
            case Kind.CHANGES:
                for each in read_body(tuple[Change, ...], body):
                    self._broadcast.publish(self._ledger.follow(Noted(each.change, each.user)))
            case Kind.POLLED:
                self._ledger.looked(read_body(datetime, body))
                self._broadcast.polled()
            case Kind.FACT:
                self._take_fact(read_body(FactNews, body))
            case Kind.STATE:
                state: Subsystem = read_body(Subsystem, body)
                if watched := self._watched.get(state.name):
                    watched.adopt(state)
            case Kind.ANSWER:
                self._take_answer(read_body(Answer, body))

    def _take_fact(self, news: FactNews) -> None:
        if fact := self._facts.get(news.name):
            fact.adopt(Known(adapter(fact.kind).validate_python(news.value), news.as_of, news.problem))

    def _take_answer(self, answer: Answer) -> None:
        waiting = self._asked.get(answer.number)
        if waiting is None or waiting.done():
            return
        if answer.error:
            waiting.set_exception(_error(answer))
        else:
            waiting.set_result(answer.job)


def _error(answer: Answer) -> FacilityError:
    """The error as it was raised in the other process."""
    if answer.error == Busy.__name__:
        return Busy(answer.words, answer.retry_after)
    if answer.error == NotFound.__name__:
        return NotFound(answer.words)
    return Unreachable(answer.words)
