"""The polling process's end of the line: tells the other processes what it sees, and asks for them about jobs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from facility.errors import Busy, FacilityError
from facility.models import Job
from facility.service.scheduler.facts import Facts, Known
from facility.service.scheduler.ledger import Ledger, Noted
from facility.service.scheduler.line import (
    JOBS_A_FRAME,
    Answer,
    Beginning,
    FactNews,
    Kind,
    Leave,
    Question,
    changes_frame,
    frame,
    read_body,
    read_frame,
)
from facility.service.scheduler.poller import Poller
from facility.service.watched import Watched

log = logging.getLogger(__name__)

LONGEST_QUEUE = 10_000  # frames that wait for one process; one more and it has to begin anew
NEWS_SECONDS = 1.0  # between two looks for new facts
STATES_SECONDS = 5.0  # between two tellings of how each question fares; also shows that the line is open


class Door:
    """Where the other processes come in. It observes the broadcast (`broadcast.Observer`)."""

    def __init__(self, poller: Poller, ledger: Ledger, facts: Facts) -> None:
        self._poller = poller
        self._ledger = ledger
        self._facts = facts
        self._peers: set[_Peer] = set()
        self._visits: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._peers)

    @asynccontextmanager
    async def open(self, path: Path) -> AsyncIterator[None]:
        """Let others in at the socket `path`, 0600; they are sent away at the end."""
        server = await asyncio.start_unix_server(self._visit, path)
        os.chmod(path, 0o600)  # noqa: PTH101 - at once, before anybody comes
        news = asyncio.create_task(self._tell_news())
        try:
            yield
        finally:
            server.close()
            news.cancel()
            for visit in self._visits:
                visit.cancel()
            await asyncio.gather(news, *self._visits, return_exceptions=True)
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - likewise: while we hold the lock

    def changed(self, noted: list[Noted]) -> None:
        """See Observer.changed."""
        for at in range(0, len(noted) if self._peers else 0, JOBS_A_FRAME):
            self._tell(changes_frame(noted[at : at + JOBS_A_FRAME]))

    def polled(self, taken: datetime) -> None:
        """See Observer.polled."""
        self._tell(frame(Kind.POLLED, taken))

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One other process, until it goes."""
        task = asyncio.current_task()
        peer = _Peer(writer)
        if task:
            self._visits.add(task)
        try:
            # between these two lines nothing changes, so that no change is missed and none comes twice
            version, taken, jobs = self._ledger.everything()
            self._peers.add(peer)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(peer.send(Beginning(version, taken), jobs, self._told_of_facts()))
                await self._listen_to(reader, peer, tasks)
        except* (EOFError, OSError, FacilityError) as errors:
            log.debug("a listener of the poller went: %s", errors.exceptions[0])
        finally:
            self._peers.discard(peer)
            if task:
                self._visits.discard(task)
            writer.close()

    async def _listen_to(self, reader: asyncio.StreamReader, peer: _Peer, tasks: asyncio.TaskGroup) -> None:
        while True:
            kind, body = await read_frame(reader)
            if kind is Kind.LEAVE:
                leave: Leave = read_body(Leave, body)
                tasks.create_task(self._answer(leave.number, self._poller.leave_for(leave.rpcs), peer))
                continue
            question: Question = read_body(Question, body)
            if kind is Kind.HINT:
                self._poller.hint(question.job_id)
            elif kind is Kind.LOOK:
                tasks.create_task(self._answer(question.number, self._poller.look(question.job_id), peer))

    async def _answer(self, number: int, asked: Awaitable[Job | None], peer: _Peer) -> None:
        try:
            answer = Answer(number, await asked)
        except FacilityError as error:
            wait = error.retry_after if isinstance(error, Busy) else 0.0
            answer = Answer(number, None, type(error).__name__, str(error), wait)
        peer.put(frame(Kind.ANSWER, answer))

    async def _tell_news(self) -> None:
        """Tell new facts within a second, and how every question fares every five."""
        told: dict[str, Known[object] | None] = {}
        turns = round(STATES_SECONDS / NEWS_SECONDS)
        turn = 0
        while True:
            for fact in self._facts.all:
                if fact.latest is not None and fact.latest is not told.get(fact.name):
                    told[fact.name] = fact.latest
                    self._tell(_news(fact.name, fact.latest))
            if turn % turns == 0:
                self._tell(b"".join(frame(Kind.STATE, watched.subsystem) for watched in self._watched()))
            turn += 1
            await asyncio.sleep(NEWS_SECONDS)

    def _told_of_facts(self) -> bytes:
        known = [_news(fact.name, fact.latest) for fact in self._facts.all if fact.latest is not None]
        return b"".join([*known, *(frame(Kind.STATE, watched.subsystem) for watched in self._watched())])

    def _watched(self) -> list[Watched]:
        return [self._poller.watched, *(fact.watched for fact in self._facts.all)]

    def _tell(self, told: bytes) -> None:
        for peer in self._peers:
            peer.put(told)


class _Peer:
    """One other process: what waits for it, in order."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(LONGEST_QUEUE)

    def put(self, told: bytes) -> None:
        """Tell it later; one that is too far behind is cut off, and begins anew."""
        try:
            self._waiting.put_nowait(told)
        except asyncio.QueueFull:
            self._writer.transport.abort()

    async def send(self, beginning: Beginning, jobs: tuple[Job, ...], facts: bytes) -> None:
        """The whole queue, then everything as it comes."""
        await self._write(facts + frame(Kind.BEGIN, beginning))
        for at in range(0, len(jobs), JOBS_A_FRAME):
            await self._write(frame(Kind.JOBS, jobs[at : at + JOBS_A_FRAME], tuple[Job, ...]))
        await self._write(frame(Kind.END))
        while True:
            await self._write(await self._waiting.get())

    async def _write(self, told: bytes) -> None:
        self._writer.write(told)
        await self._writer.drain()


def _news(name: str, known: Known[object]) -> bytes:
    return frame(Kind.FACT, FactNews(name, known.value, known.as_of, known.problem))


def socket_path(folder: int) -> Path:
    """The socket in the directory that the descriptor `folder` is: a path of any length fits a socket's address so."""
    return Path(f"/proc/{os.getpid()}/fd/{folder}/poller.sock")
