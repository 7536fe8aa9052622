"""A real receiver, time that a test moves, and callbacks between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from facility.models import Job
from facility.profile import read_profile
from facility.service.callbacks.service import Callbacks
from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.events.happenings import Happening

PROFILE = """
name = "Test"
[service]
url = "http://127.0.0.1:8400"
[service.callbacks]
http = true
allowed = ["127.0.0.1"]
[systems.test]
title = "Test"
"""


class MovedClock(SystemClock):
    """The machine's time, and what a test adds to it; who sleeps wakes when it is added."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The time of day, moved."""
        return super().now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait for real or moved time."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def move(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ahead += timedelta(seconds=seconds)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


@dataclass
class Received:
    """One request that a receiver got."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict:
        """What it tells."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """A web server that answers `status` to every POST; status 0: it never answers."""

    status: int = 204
    reply: bytes = b""
    header: str = ""
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait(self, count: int, seconds: float = 60) -> list[Received]:
        """All requests, as soon as there are `count`."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self.came.clear()
                await self.came.wait()
        return self.requests

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        """Listen as long as the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            server.close_clients() if hasattr(server, "close_clients") else None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append(Received(headers, body))
            self.came.set()
            if self.status == 0:
                await reader.read()
            extra = f"{self.header}\r\n" if self.header else ""
            answer = f"HTTP/1.1 {self.status} X\r\n{extra}content-length: {len(self.reply)}\r\n\r\n".encode()
            writer.write(answer + self.reply)
            await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """One that answers 204."""
    async with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture
async def other_receiver() -> AsyncIterator[Receiver]:
    """Another one."""
    async with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture
async def clock() -> MovedClock:
    """Time that a test moves."""
    return MovedClock()


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """An empty database of the service."""
    database = Database(database_address, "service")
    yield database
    database.close()


@pytest.fixture
def known_jobs() -> dict[str, Job]:
    """What the ledger holds."""
    return {}


@pytest.fixture
async def idle(database: Database, clock: MovedClock, person: str, known_jobs: dict[str, Job]) -> Callbacks:
    """Callbacks that nobody carries out yet."""
    callbacks = Callbacks(read_profile(PROFILE), database, clock, known_jobs.get)
    await callbacks.reload()
    return callbacks


@asynccontextmanager
async def at_work(callbacks: Callbacks) -> AsyncIterator[Callbacks]:
    """Let them be carried out; a mistake that ends the work before its time is the test's failure."""
    work = asyncio.create_task(callbacks.run())
    try:
        yield callbacks
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


@pytest.fixture
async def callbacks(idle: Callbacks) -> AsyncIterator[Callbacks]:
    """Callbacks at work."""
    async with at_work(idle):
        yield idle


@pytest.fixture
def happen(clock: MovedClock, person: str) -> Callable[..., Happening]:
    """A happening of the person's, with what a test wants to be different."""

    def make(
        event: str = "job.completed", cause: str = "", users: tuple[str, ...] | None = None, **data: object
    ) -> Happening:
        of = (person,) if users is None else users
        return Happening(event, of, {"id": "7", **data}, clock.now(), cause or f"{event}:{data}")

    return make
