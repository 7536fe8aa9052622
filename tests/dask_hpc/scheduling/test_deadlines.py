"""When blocks are told that their jobs end; that they then leave whole is tested on the real Slurm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.scheduling.deadlines import Deadlines
from dask_hpc.scheduling.owner import Owner
from dask_hpc.scheduling.table import Block, Table
from facility.errors import Unreachable


class Cluster:
    """Two blocks, whose jobs end when a test says so; what they are told is kept."""

    def __init__(self) -> None:
        self.table = Table(ranks=2, wished=2)
        self.agents = SimpleNamespace(has=lambda _number: True)
        self.told: list[int] = []
        self.minutes: dict[str, float] | None = {}
        for number in range(2):
            self.table.add().job_id = str(40 + number)

    def ends_soon(self, block: Block, why: str) -> None:
        """See `Owner.ends_soon`."""
        self.told.append(block.number)

    async def ends(self, job_ids: list[str]) -> dict[str, datetime]:
        """See `Blocks.ends`."""
        if self.minutes is None:
            raise Unreachable("no answer")
        now = datetime.now(UTC)
        return {job: now + timedelta(minutes=left) for job, left in self.minutes.items() if job in job_ids}


def deadlines(cluster: Cluster, *, is_reserved: bool = False) -> Deadlines:
    """Deadlines that look when a test says so."""
    return Deadlines(cast(Owner, cluster), cast(Blocks, cluster), is_reserved=is_reserved)


async def test_a_block_is_told_two_minutes_before_its_end() -> None:
    """Also where somebody moved the end meanwhile; a block without an end is not."""
    cluster = Cluster()
    looking = deadlines(cluster)

    pauses = []
    for cluster.minutes in ({"41": 600}, {"41": 12}, {"41": 2.1}, {"41": 1.9}):
        pauses.append(round(await looking.look()))

    assert cluster.told == [1]
    assert pauses[:3] == [300, 300, 6]


async def test_a_short_job_uses_most_of_its_time() -> None:
    """Its block is told when a quarter of it is left."""
    cluster = Cluster()
    looking = deadlines(cluster)

    for cluster.minutes in ({"40": 2}, {"40": 0.6}, {"40": 0.4}):
        await looking.look()

    assert cluster.told == [0]


async def test_the_end_of_a_reservation_is_looked_for_often() -> None:
    """Nobody announces that it was shortened."""
    cluster = Cluster()
    cluster.minutes = {"40": 600}

    assert await deadlines(cluster, is_reserved=True).look() == 20


async def test_no_answer_is_no_end() -> None:
    """It is asked again, and a block has all the time there is."""
    cluster = Cluster()
    cluster.minutes = None
    looking = deadlines(cluster)

    assert await looking.look() == 300
    assert await looking.left(cluster.table.blocks[0]) == float("inf")
    assert cluster.told == []
