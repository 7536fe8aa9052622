"""Names and choices of a cluster's blocks; what is done with them is tested on the real Slurm."""

from __future__ import annotations

from dask_hpc.scheduling.table import Phase, Table


def table(wished: int = 2, live: int = 2) -> Table:
    """A table of two ranks a block, some of them with a job."""
    found = Table(ranks=2, wished=wished)
    for number in range(live):
        block = found.add()
        block.job_id, block.phase = str(40 + number), Phase.PENDING
    return found


def test_what_is_wished_for_is_planned_before_slurm_is_asked() -> None:
    """`requested` never counts a block that has no job."""
    found = table(wished=3)

    assert found.plan == {"0-0", "0-1", "1-0", "1-1", "2-0", "2-1"}
    assert found.requested == {"0-0", "0-1", "1-0", "1-1"}


def test_a_leaving_block_is_planned_no_more() -> None:
    """Its workers go, and its number never comes again."""
    found = table()
    found.blocks[1].phase = Phase.LEAVING

    assert found.plan == {"0-0", "0-1", "2-0", "2-1"}
    del found.blocks[1]
    assert found.add().number == 2


def test_a_replaced_rank_is_awaited_under_its_new_name() -> None:
    """The others keep theirs."""
    block = table().blocks[1]
    block.begin()
    block.arrive(0, 0)
    block.arrive(1, 0)
    assert block.phase is Phase.RUNNING

    assert block.mend()
    block.begin_one(1)

    assert block.names == {"1-0", "1-1.1"}
    assert not block.expects(1, 0)
    assert block.lost_with(0) == [0]
    assert block.record.words == "1 of 2 ranks are here"


def test_a_new_world_takes_over_when_it_is_whole() -> None:
    """Until then the present ranks are the block's, and one that was replaced alone is an MPI world of its own."""
    block = table().blocks[1]
    block.begin()
    for rank in (0, 1):
        block.arrive(rank, 0)
    block.arrive(1, block.begin_one(1))
    assert block.is_split

    coming = block.begin_beside()
    block.arrive(0, coming)
    assert block.names == {"1-0", "1-1.1"}
    assert block.expects(1, coming)
    block.arrive(1, coming)
    block.take_over()

    assert block.names == {"1-0.2", "1-1.2"}
    assert not block.is_split
    assert not block.missed


def test_ranks_stay_where_the_new_world_does_not_come() -> None:
    """What was missed is missed as before, and the newcomers are not awaited any more."""
    block = table().blocks[1]
    block.begin()
    block.arrive(0, 0)
    coming = block.begin_beside()
    block.arrive(0, coming)

    block.stay("rank 1 of the new ones was lost")

    assert block.missed == [1]
    assert not block.expects(1, coming)


def test_a_block_that_is_lost_again_and_again_is_given_up() -> None:
    """Three times for each rank in ten minutes is enough."""
    block = table().blocks[1]

    assert [block.mend() for _ in range(7)] == [True] * 6 + [False]
