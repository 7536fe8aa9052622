"""Which gangs may begin: a rule without Slurm or Dask."""

from __future__ import annotations

from dask_hpc.gangs.queue import Ask, Ranks, World, grants

FIRST: World = (0, 0, -1)
SECOND: World = (1, 0, -1)


def begun(waiting: list[Ask], free: dict[World, set[int]], size: int = 4) -> list[tuple[str, tuple[int, ...]]]:
    """The gangs that may begin, with their ranks, in blocks whose ranks all live."""
    blocks = {world: Ranks(world[0], frozenset(range(size)), frozenset(ranks)) for world, ranks in free.items()}
    return [(grant.gang, grant.ranks) for grant in grants(waiting, blocks)]


def test_a_gang_begins_on_all_its_ranks_or_none() -> None:
    """Three free ranks are not four."""
    assert begun([Ask("all", 4)], {FIRST: {0, 1, 2}}) == []


def test_gangs_that_need_different_ranks_begin_together() -> None:
    """Each gets ranks of its own."""
    assert begun([Ask("a", 2), Ask("b", 2), Ask("c", 1)], {FIRST: {0, 1, 2, 3}}) == [("a", (0, 1)), ("b", (2, 3))]


def test_chosen_ranks_keep_their_order() -> None:
    """The first of the list is rank 0 of the gang."""
    assert begun([Ask("a", 2, (3, 1))], {FIRST: {0, 1, 2, 3}}) == [("a", (3, 1))]


def test_a_large_gang_is_not_passed_for_ever() -> None:
    """What is free is kept for the one that waits first."""
    assert begun([Ask("large", 4), Ask("small", 1)], {FIRST: {0, 1, 2}}) == []


def test_a_gang_passes_one_that_waits_on_other_ranks() -> None:
    """Rank 0 is not what the first one waits for."""
    assert begun([Ask("a", 2, (2, 3)), Ask("b", 1)], {FIRST: {0, 3}}) == [("b", (0,))]


def test_a_gang_lives_in_one_block() -> None:
    """Two free ranks here and two there are not four; the smallest block that fits is taken."""
    assert begun([Ask("a", 4)], {FIRST: {0, 1}, SECOND: {2, 3}}) == []
    assert begun([Ask("a", 2)], {FIRST: {0, 1, 2}, SECOND: {2, 3}}) == [("a", (2, 3))]


def test_a_gang_may_name_its_block() -> None:
    """Ranks that are free elsewhere are not its own."""
    assert begun([Ask("a", 1, (), 0)], {FIRST: set(), SECOND: {0}}) == []
