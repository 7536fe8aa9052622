"""What each verb of a person costs Slurm's controller, counted by the controller itself (`sdiag`).

The Slurm is of this module alone, so that nobody else asks it; the service's background waits while a verb is counted.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.client import FacilityClient, JobScript
from facility.errors import NotFound
from facility.models import JobRequest
from facility.service.scheduler.budget import HINTS_CREDIT, HINTS_RATE
from facility.testing import until
from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import RealSite, site_over
from tests.slurms import new_slurm

pytestmark = pytest.mark.slurm
PATIENCE = 120.0
ROW = re.compile(r"^\s*(\S+)\s+\(\s*\d+\)\s+count:(\d+)", re.MULTILINE)
NOT_OURS = {"REQUEST_STATS_INFO", "REQUEST_PING"}  # sdiag's own, and those of Slurm's daemons
LOOK = Counter({"REQUEST_JOB_INFO_SINGLE": 1, "REQUEST_PARTITION_INFO": 1})
"""What squeue asks about one job."""

WAITING = JobScript(
    "#!/bin/sh\nsleep 100\n",
    account="ncem",
    qos="debug",
    walltime=timedelta(minutes=5),
    reservation="ana-tomorrow",  # it never starts: a job that does makes RPCs of its own
    output="/dev/null",
)


@pytest.fixture(scope="module")
def quiet_slurm() -> Iterator[SlurmCluster]:
    """A Slurm that nobody else asks."""
    with new_slurm() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def quiet_site(quiet_slurm: SlurmCluster) -> Iterator[RealSite]:
    """Its facts."""
    with site_over(quiet_slurm) as site:
        yield site


@dataclass
class Counting:
    """A service whose background waits, ana's client, and what the controller has counted."""

    slurm: SlurmCluster
    site: RealSite
    service: AtWork
    ana: FacilityClient

    def counted(self) -> tuple[Counter[str], Counter[str]]:
        """RPCs since the controller started, by their type and by who asked."""
        told = self.slurm.run("sdiag").partition("statistics by message type")[2]
        by_type, _, rest = told.partition("statistics by user")
        types = Counter({name: int(count) for name, count in ROW.findall(by_type)})
        people = Counter({name: int(count) for name, count in ROW.findall(rest.partition("Pending RPC")[0])})
        asked = {name: count for name, count in types.items() if name.startswith("REQUEST_") and name not in NOT_OURS}
        return Counter(asked), people

    async def settled(self) -> tuple[Counter[str], Counter[str]]:
        """The counts, once no command of the service's is under way any more."""
        poller = self.service.parts.poller.own
        await until(lambda: not poller._hints and not poller._looks, PATIENCE)
        last = await asyncio.to_thread(self.counted)
        same = 0
        async with asyncio.timeout(PATIENCE):
            while same < 3:
                await asyncio.sleep(0.1)  # what a command of before it asked may still be on its way
                now = await asyncio.to_thread(self.counted)
                same = same + 1 if now[0] == last[0] else 0
                last = now
        return last

    async def cost(self, verb: Callable[[], Awaitable[object]]) -> tuple[Counter[str], int]:
        """What a verb, and all that follows it, costs: RPCs by type, and how many of them are ana's own.

        The latter tells something only where the service, and this test, are somebody else than ana.
        """
        types, people = await self.settled()
        await verb()
        now, who = await self.settled()
        return now - types, who[self.site.ana] - people[self.site.ana]


@pytest.fixture
async def counting(
    quiet_slurm: SlurmCluster, quiet_site: RealSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Counting]:
    """Everything is known, and from now on the background has no turn."""
    async with at_work(quiet_site.profile, tmp_path) as service, await service.client(quiet_site.ana) as ana:

        async def no_turn(rpcs: float) -> None:
            await asyncio.Event().wait()  # until the service ends

        monkeypatch.setattr(service.parts.budget, "spend", no_turn)
        yield Counting(quiet_slurm, quiet_site, service, ana)


async def test_what_the_service_knows_costs_the_scheduler_nothing(counting: Counting) -> None:
    """My jobs, one of them, accounts, images, reservations, does it fit, who am I, health: not one RPC."""
    ana = counting.ana
    job_id = await ana.submit(WAITING)
    await until(lambda: counting.service.parts.ledger.job(job_id) is not None, PATIENCE)
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "jobs": ana.jobs,
        "job": lambda: ana.job(job_id),
        "accounts": ana.accounts,
        "images": ana.images,
        "reservations": ana.reservations,
        "fit": lambda: ana.fit("ana-tomorrow", 1, timedelta(minutes=5)),
        "calendar": ana.calendar,
        "me": ana.me,
        "health": ana.health,
    }
    found = {name: (await counting.cost(verb))[0] for name, verb in verbs.items()}
    await ana.cancel(job_id)

    assert {name: Counter() for name in found} == found


async def test_an_act_costs_one_rpc_of_its_person_and_one_look_that_the_background_pays(counting: Counting) -> None:
    """Submit, hold, release and cancel; what the look costs is taken from the turns that follow."""
    ana, made = counting.ana, []

    async def submit() -> None:
        made.append(await ana.submit(WAITING))

    owed = counting.service.parts.budget._owed
    found = {
        "submit": await counting.cost(submit),
        "hold": await counting.cost(lambda: ana.hold(made[0])),
        "release": await counting.cost(lambda: ana.release(made[0])),
        "cancel": await counting.cost(lambda: ana.cancel(made[0])),
    }
    types = {"submit": "SUBMIT_BATCH_JOB", "hold": "UPDATE_JOB", "release": "UPDATE_JOB", "cancel": "KILL_JOB"}

    assert {act: Counter({f"REQUEST_{name}": 1}) + LOOK for act, name in types.items()} == {
        act: cost for act, (cost, _) in found.items()
    }
    assert 4 * LOOK.total() == counting.service.parts.budget._owed - owed
    if os.geteuid() == 0:  # else the service is ana, too
        assert [1, 1, 1, 1] == [by_ana for _, by_ana in found.values()]


async def test_many_acts_cost_one_rpc_each_and_ten_looks_together(counting: Counting) -> None:
    """However many people act: the rest of what happened is in the next look at the queue."""
    ana, acts, began = counting.ana, 8, time.monotonic()
    (types, _), job_id = await counting.settled(), await ana.submit(WAITING)
    for _ in range(acts):
        await ana.hold(job_id)
        await ana.release(job_id)
    now, _ = await asyncio.to_thread(counting.counted)
    later = (time.monotonic() - began) * HINTS_RATE / LOOK.total()
    await ana.cancel(job_id)

    assert (2 * acts, 1) == ((now - types)["REQUEST_UPDATE_JOB"], (now - types)["REQUEST_SUBMIT_BATCH_JOB"])
    assert (now - types)["REQUEST_JOB_INFO_SINGLE"] <= HINTS_CREDIT / LOOK.total() + later + 1


async def test_what_is_asked_anew_costs_what_slurms_command_does(counting: Counting) -> None:
    """A job that the last look at the queue lacked, where a job prints, and an estimate: once for all who ask."""
    ana = counting.ana
    job_id = await ana.submit(WAITING)
    request = JobRequest(account="ncem", qos="debug", walltime=timedelta(minutes=5), partition="main")

    async def unknown() -> None:
        with pytest.raises(NotFound):
            await ana.job("4000000")

    async def twice() -> None:
        await asyncio.gather(ana.estimate(request), ana.estimate(request))
        await ana.estimate(request)

    found = {
        "unknown job": (await counting.cost(unknown))[0],
        "log": (await counting.cost(lambda: ana.log_path(job_id)))[0],
        "estimates": (await counting.cost(twice))[0],
    }
    await ana.cancel(job_id)

    assert (LOOK, Counter({"REQUEST_JOB_INFO_SINGLE": 1})) == (found["log"], found["unknown job"])
    assert Counter({"REQUEST_JOB_WILL_RUN": 1, "REQUEST_FED_INFO": 1}) == found["estimates"]
