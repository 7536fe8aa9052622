"""How many ranks gangs call for."""

from __future__ import annotations

from dask_hpc.gangs.demand import Load, ranks_wanted


def test_a_gang_calls_for_all_its_ranks() -> None:
    """However short it is, for it begins on all or on none."""
    assert ranks_wanted([], 5.0) == 0
    assert ranks_wanted([Load(8, 0.01)], 5.0) == 8


def test_short_gangs_take_turns() -> None:
    """A hundred of them are done in time by the ranks of one."""
    assert ranks_wanted([Load(4, 0.02)] * 100, 5.0) == 4


def test_long_gangs_run_at_once() -> None:
    """As many as are needed to be done in time, and no more ranks than they have."""
    assert ranks_wanted([Load(4, 10.0)] * 3, 5.0) == 12
    assert ranks_wanted([Load(4, 1.0)] * 10, 5.0) == 8
