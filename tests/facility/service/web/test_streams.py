"""Event streams over real connections: those who do not read hold up nobody, and cost little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from facility.models import Job
from facility.profile import read_profile
from facility.providers.slurm import Slurm
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scheduler.listener import LONGEST_QUEUE
from facility.service.serving import ServiceServer
from facility.testing import FakeScheduler, free_port, until
from facility.testing.tokens import token_for


@pytest.fixture
def scheduler(make_job: Callable[..., Job]) -> FakeScheduler:
    """It tells of one job."""
    return FakeScheduler({"7": make_job()})


@pytest.fixture
async def parts(tmp_path: Path, scheduler: FakeScheduler) -> AsyncIterator[Parts]:
    """A service on a real port, with one job."""
    port = free_port()
    profile = read_profile(f'name="t"\n[service]\nurl="http://127.0.0.1:{port}"\n[systems.t]\ntitle="t"\n')
    async with running(profile, tmp_path / "state", Slurm(profile.system, scheduler)) as parts:
        server = ServiceServer(parts, ("jobs", "callbacks"), "127.0.0.1", port)
        server.capture_signals = nullcontext  # type: ignore[method-assign]  # signals are the test run's
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started and parts.ledger.taken is not None)
        yield parts
        server.should_exit = True
        await task


async def listen(parts: Parts) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream of all jobs whose snapshot has come."""
    port = int(parts.profile.service.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    token = token_for(parts, "hub", frozenset({"hub"}))
    writer.write(f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    await reader.readuntil(b"event: snapshot")
    return reader, writer


async def test_who_does_not_read_holds_up_nobody(parts: Parts, scheduler: FakeScheduler) -> None:
    """The others hear everything; for the deaf one a bounded queue waits, and then a resync."""
    deaf, deaf_writer = await listen(parts)
    deaf_writer.transport.pause_reading()
    reader, writer = await listen(parts)
    for number in range(6 * LONGEST_QUEUE):
        scheduler.jobs["7"] = replace(scheduler.jobs["7"], priority=number, name="x" * 2000)
        parts.broadcast.publish(parts.ledger.put(scheduler.jobs["7"]))
        if number % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.wait_for(reader.readuntil(f'"priority":{number},'.encode()), 30)
    waiting = [len(listener._events) for listener in parts.broadcast._everybody()]
    deaf_writer.transport.resume_reading()

    assert max(waiting) <= LONGEST_QUEUE
    await asyncio.wait_for(deaf.readuntil(b"event: resync"), 30)
    await asyncio.wait_for(deaf.readuntil(f'"priority":{number},'.encode()), 30)
    for each in (writer, deaf_writer):
        each.close()


async def test_who_leaves_is_forgotten(parts: Parts) -> None:
    """Without waiting for the next event."""
    _, writer = await listen(parts)
    assert 1 == len(parts.broadcast)
    writer.transport.abort()

    await until(lambda: len(parts.broadcast) == 0)


async def test_a_stream_ends_with_the_service(parts: Parts) -> None:
    """In order: the last piece of the answer is sent."""
    reader, writer = await listen(parts)
    parts.broadcast.close()

    assert await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 60)
    writer.close()


async def test_headers_without_end_are_refused(parts: Parts) -> None:
    """Whoever sends a header that never ends fills no memory, and needs no token to learn that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(parts.profile.service.url.rpartition(":")[2]))
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000)

    assert b" 400 " in await reader.readline()
    writer.close()
