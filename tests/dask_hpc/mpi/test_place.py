"""Where a worker stands; that it tells the scheduler so is tested on the real Slurm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dask_hpc.mpi.place import Place

FIRST = Place(block=2, epoch=0, rank=5, size=8, job="41", node="nid001")


@pytest.mark.parametrize(("epoch", "name"), [(0, "2-5"), (1, "2-5.1"), (12, "2-5.12")])
def test_a_replacement_is_told_from_the_rank_it_replaces(epoch: int, name: str) -> None:
    """The name keeps block and rank, and gains the epoch."""
    assert replace(FIRST, epoch=epoch).name == name


def test_a_replacement_is_in_another_mpi_world() -> None:
    """Only workers that came in one step see one another."""
    assert replace(FIRST, rank=6).world == FIRST.world
    assert replace(FIRST, epoch=1).world != FIRST.world
