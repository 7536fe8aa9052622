"""Changes to many listeners."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from facility.models import Job
from facility.providers.slurm.squeue import Listing
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.listener import LONGEST_QUEUE
from facility.testing import FakeClock

MakeJob = Callable[..., Job]


@pytest.fixture
def ledger(make_job: MakeJob) -> Ledger:
    """Two people's jobs."""
    ledger = Ledger()
    ledger.take(Listing((make_job("7"), make_job("8", user="ben")), 0), FakeClock().now())
    return ledger


async def some(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, object]]:
    """The next events: name and data; comments are left out."""
    found = []
    while len(found) < count:
        for event in (await anext(stream)).decode().split("\n\n"):
            named = dict(line.partition(": ")[::2] for line in event.split("\n") if line)
            found += [(named["event"], json.loads(named["data"]))] if "event" in named else []
    assert count == len(found)
    return found


async def test_a_listener_begins_with_the_snapshot(ledger: Ledger) -> None:
    """Its own jobs only."""
    [(name, snapshot)] = await some(Broadcast(ledger).stream("ana", "", 60), 1)

    assert ("snapshot", ["7"]) == (name, [job["id"] for job in snapshot["jobs"]])


async def test_everybody_hears_of_their_own_jobs_only(ledger: Ledger, make_job: MakeJob) -> None:
    """Another's change is not even counted."""
    broadcast = Broadcast(ledger)
    stream = broadcast.stream("ana", "", 60)
    await some(stream, 1)
    broadcast.publish(ledger.put(make_job("9", user="ben")))
    broadcast.publish(ledger.put(make_job("10")))

    [(name, change)] = await some(stream, 1)
    assert ("change", "10", ledger.version_of("ana")) == (name, change["job_id"], change["version"])


async def test_a_listener_that_comes_back_goes_on_where_it_was(ledger: Ledger, make_job: MakeJob) -> None:
    """Without a snapshot, and without a gap."""
    last = str(ledger.version_of())
    ledger.put(make_job("9", user="ben"))
    ledger.put(make_job("10"))

    [(name, change)] = await some(Broadcast(ledger).stream("ana", last, 60), 1)
    assert ("change", "10") == (name, change["job_id"])


@pytest.mark.parametrize("last_id", ["1", "99999999999999999", "x", "-1"])
async def test_an_unknown_last_event_brings_the_snapshot(ledger: Ledger, last_id: str) -> None:
    """Whatever a client sends."""
    assert "snapshot" == (await some(Broadcast(ledger).stream("ana", last_id, 60), 1))[0][0]


async def test_a_slow_listener_is_told_to_start_anew(ledger: Ledger, make_job: MakeJob) -> None:
    """Its queue is bounded; the snapshot that follows holds what it missed, and nothing older comes after."""
    broadcast = Broadcast(ledger)
    stream = broadcast.stream("ana", "", 60)
    await some(stream, 1)
    for n in range(LONGEST_QUEUE + 50):
        broadcast.publish(ledger.put(make_job("7", priority=n)))

    [(first, _), (second, snapshot)] = await some(stream, 2)
    broadcast.publish(ledger.put(make_job("7", priority=-1)))
    [(third, change)] = await some(stream, 1)
    assert ("resync", "snapshot", "change") == (first, second, third)
    assert (LONGEST_QUEUE + 49, -1) == (snapshot["jobs"][0]["priority"], change["job"]["priority"])


async def test_a_stream_ends_with_its_token(ledger: Ledger) -> None:
    """And leaves nothing behind."""
    broadcast = Broadcast(ledger)

    assert 1 == len([event async for event in broadcast.stream("ana", "", 0.05)])
    assert 0 == len(broadcast)


async def test_a_listener_that_leaves_is_forgotten(ledger: Ledger) -> None:
    """Cancelling is leaving."""
    broadcast = Broadcast(ledger)
    stream = broadcast.stream("ana", "", 60)
    await some(stream, 1)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert 0 == len(broadcast)


async def test_each_look_at_the_queue_is_told(ledger: Ledger) -> None:
    """So that a listener knows the age of what it holds."""
    broadcast = Broadcast(ledger)
    stream = broadcast.stream("ana", "", 60)
    await some(stream, 1)
    broadcast.polled()

    assert [("polled", {"taken": "2026-01-01T00:00:00+00:00"})] == await some(stream, 1)
