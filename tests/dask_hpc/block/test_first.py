"""The first block's processes come up side by side, and go together; whole clusters are tested on the real Slurm."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dask_hpc.block.agent import Agent
from dask_hpc.block.first import BlockFailed, FirstBlock
from dask_hpc.block.link import Link, serve_links
from dask_hpc.block.rank import NoScheduler, with_scheduler
from dask_hpc.deploy.create import make_spec
from dask_hpc.mpi.world import World
from dask_hpc.record.folder import folder_of, reserve, write_spec
from dask_hpc.record.tls import make_credentials
from facility.clusters import ClusterRecord, read_record, write_record
from tests.dask_hpc.recipes import PROVIDER, RECIPE

RECORD = ClusterRecord("tonight", 0.0, "", "realtime", "", 1, 1, job_ids=("41",))
RANKS = (
    sys.executable,
    "-c",
    "import time; file = open('began', 'a'); file.write('once '); file.close(); time.sleep(300)",
)
SPEC = replace(make_spec("tonight", RECIPE, 1, PROVIDER), launch=RANKS, close_timeout=1.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cluster's folder as its maker leaves it, but for the recipe, without which no scheduler begins."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    reserve("tonight")
    make_credentials(folder_of("tonight"))
    write_record(RECORD)
    write_spec(SPEC)
    return tmp_path


def running() -> list[psutil.Process]:
    """The stand-ins of ranks that this test has started."""
    return [one for one in psutil.Process().children() if one.cmdline()[:3] == list(RANKS)]


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)


async def test_ranks_go_where_no_scheduler_begins(folder: Path) -> None:
    """They came up beside it, and the record says what failed."""
    with pytest.raises(BlockFailed, match="the scheduler process did not start"):
        await FirstBlock(SPEC, RECORD).run()

    assert (folder / "began").exists()
    assert running() == []
    assert (read_record("tonight").state, read_record("tonight").reason) == (
        "failed",
        "the scheduler process did not start",
    )


async def test_ranks_that_have_begun_are_not_begun_again(folder: Path) -> None:
    """The scheduler asks for its first step, which runs; what that said before is told after the greeting."""
    heard: list[dict[str, Any]] = []

    async def attend(link: Link) -> None:
        link.send(start=0)
        while (word := await link.receive()) is not None:
            heard.append(word)
            if "leaving" in word:
                link.send(end="enough")

    agent = Agent(SPEC, 0, "41")
    await agent.begin()
    await until((folder / "began").exists)
    agent.leave_soon()
    server, address = await serve_links(folder_of("tonight"), "127.0.0.1", attend)
    async with server:
        reason = await agent.serve(address)

    assert [word.keys() for word in heard[:2]] == [{"block", "job"}, {"leaving"}]
    assert reason == "enough"
    assert (folder / "began").read_text() == "once "
    assert running() == []


def test_a_rank_waits_for_the_scheduler() -> None:
    """It reads the record until that tells of one."""

    def later() -> None:
        time.sleep(0.3)
        write_record(replace(RECORD, version=1, state="running", scheduler_address="tls://127.0.0.1:4"))

    writer = threading.Thread(target=later)
    writer.start()
    found = with_scheduler("tonight", World(0, 1))
    writer.join()

    assert found.scheduler_address == "tls://127.0.0.1:4"


def test_a_rank_does_not_wait_for_what_has_failed() -> None:
    """It says why, and ends."""
    write_record(replace(RECORD, version=1, state="failed", reason="the scheduler process did not start"))

    with pytest.raises(NoScheduler, match="cluster tonight has no scheduler: the scheduler"):
        with_scheduler("tonight", World(0, 1))
