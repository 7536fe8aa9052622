"""JobFeed over a real connection: one poller, many listeners, and gaps that lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from facility.client import FacilityClient, Patience
from facility.errors import NotSignedIn
from facility.feed import JobFeed
from facility.models import Job, JobChange, JobState, Life
from facility.profile import Profile, read_profile
from facility.providers.slurm import Slurm
from facility.service.app import SERVICES
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.serving import ServiceServer
from facility.testing import FakeScheduler, Fault, FaultProxy, free_port, until
from facility.testing.tokens import token_for

MakeJob = Callable[..., Job]
HASTY = Patience(connect=1.0, answer=5.0, tries=1)


def profile(port: int) -> Profile:
    """A site at this port."""
    return read_profile(f'name="t"\n[service]\nurl="http://127.0.0.1:{port}"\n[systems.t]\ntitle="t"\n')


@asynccontextmanager
async def service(port: int, scheduler: FakeScheduler, state: Path) -> AsyncIterator[Parts]:
    """A facility service on a real port."""
    facts = profile(port)
    async with running(facts, state, Slurm(facts.system, scheduler)) as parts:
        server = ServiceServer(parts, SERVICES, "127.0.0.1", port)
        server.capture_signals = nullcontext  # type: ignore[method-assign]  # signals are the test run's
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield parts
        finally:
            server.should_exit = True
            await task


@dataclass
class Followed:
    """A feed, the service it follows, and the line between them."""

    feed: JobFeed
    scheduler: FakeScheduler
    parts: Parts
    proxy: FaultProxy

    async def look(self) -> None:
        """Let the service look at the queue now."""
        await self.parts.poller.own.poll()


@pytest.fixture
async def followed(tmp_path: Path, make_job: MakeJob) -> AsyncIterator[Followed]:
    """Three jobs, followed by the hub through a proxy that can fail."""
    port = free_port()
    scheduler = FakeScheduler({str(n): make_job(str(n)) for n in range(1, 4)})
    async with service(port, scheduler, tmp_path / "s") as parts, FaultProxy(port).serving() as proxy:

        async def token() -> str:
            return token_for(parts, "hub", frozenset({"hub"}))

        async with FacilityClient(f"http://127.0.0.1:{proxy.port}", token, HASTY) as client, JobFeed(client) as feed:
            async with asyncio.timeout(60):
                await feed.wait_connected()
            yield Followed(feed, scheduler, parts, proxy)


async def test_a_feed_begins_with_all_jobs(followed: Followed) -> None:
    """Each is alive, and the copy has an age."""
    assert 3 == len(followed.feed.snapshot.jobs)
    assert (Life.ALIVE, True) == (followed.feed.life("1"), followed.feed.age.total_seconds() < 10)


async def test_every_listener_hears_every_change(followed: Followed, make_job: MakeJob) -> None:
    """One look at the queue serves them all."""
    listeners = [followed.feed.listen() for _ in range(3)]
    waiting = [asyncio.ensure_future(anext(listener)) for listener in listeners]
    await until(lambda: followed.feed.statistics().listeners == 3)
    followed.scheduler.jobs["1"] = make_job("1", state=JobState.COMPLETED)
    await followed.look()

    heard: list[JobChange] = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    assert {("1", JobState.COMPLETED)} == {(change.job_id, change.job.state) for change in heard}
    assert Life.GONE == followed.feed.life("1")
    for listener in listeners:
        await listener.aclose()


async def test_what_changed_while_the_line_was_cut_is_heard_afterwards(followed: Followed, make_job: MakeJob) -> None:
    """The feed goes on where it was."""
    heard: list[str] = []

    async def listen() -> None:
        async for change in followed.feed.listen():
            heard.append(change.job_id)

    task = asyncio.create_task(listen())
    followed.proxy.fault = Fault.DOWN
    followed.proxy.cut()
    await until(lambda: not followed.feed.statistics().connected)
    followed.scheduler.jobs["4"] = make_job("4")
    await followed.look()
    followed.proxy.fault = Fault.NONE
    await until(lambda: "4" in heard)

    task.cancel()
    assert 2 <= followed.feed.statistics().connections
    assert followed.feed.statistics().last_error


async def test_a_cut_line_ends_no_job(followed: Followed) -> None:
    """They are told as last known."""
    followed.proxy.fault = Fault.BLACKHOLE
    followed.proxy.cut()
    await until(lambda: not followed.feed.statistics().connected)

    assert 3 == len(followed.feed.snapshot.jobs)


async def test_an_old_copy_proves_no_life(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown is the answer, not alive and not gone."""
    monkeypatch.setattr("facility.feed.STALE", followed.feed.age * 0)

    assert (Life.UNKNOWN, Life.UNKNOWN) == (followed.feed.life("1"), followed.feed.life("never-seen"))


async def test_a_job_that_a_restarted_service_does_not_see_is_asked_for(tmp_path: Path, make_job: MakeJob) -> None:
    """Its first look at the queue may lack a living job; one that the scheduler does not know is gone."""
    port = free_port()
    scheduler = FakeScheduler({str(n): make_job(str(n)) for n in range(1, 4)})
    minted: list[str] = []

    async def token() -> str:
        if not minted:
            raise NotSignedIn("not yet")
        return minted[-1]

    async with FacilityClient(f"http://127.0.0.1:{port}", token, HASTY) as client, JobFeed(client) as feed:
        async with asyncio.timeout(60):
            async with service(port, scheduler, tmp_path / "s") as parts:
                minted.append(token_for(parts, "hub", frozenset({"hub"})))
                await feed.wait_connected()
            del scheduler.jobs["2"]
            scheduler.hidden.add("3")
            async with service(port, scheduler, tmp_path / "s"):
                await until(lambda: (feed.life("2"), feed.life("3")) == (Life.GONE, Life.ALIVE))

                assert Life.ALIVE == feed.life("1")


async def test_a_service_that_asks_for_time_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the feed's own pause would be."""
    pauses, real = list[float](), asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await real(0.01)

    async def token() -> str:
        return "t1"

    monkeypatch.setattr(asyncio, "sleep", noted)
    busy = httpx.MockTransport(lambda request: httpx.Response(429, json={}, headers={"Retry-After": "30"}))
    async with FacilityClient("http://facility", token, HASTY, busy) as client, JobFeed(client) as feed:
        await until(lambda: 30.0 in pauses, 30)

    assert "429" in feed.statistics().last_error
