"""The same code on a laptop that has no MPI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_hpc import MPICluster
from dask_hpc.gangs.alone import AloneComm
from facility.errors import SubmitRefused
from tests.dask_hpc.laptop import move_to


def solve(comm: Any, mine: list[float], factor: float) -> list[object]:
    """What a function does with its communicator."""
    total = np.empty(1)
    comm.Allreduce(np.array([sum(mine)]), total)
    return [comm.Get_rank(), comm.size, comm.bcast(factor) * total[0], comm.gather("x"), comm.allreduce(3)]


@pytest.fixture
def _without_mpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile without a scheduler, no MPICH to be found, and a Python that has no mpi4py."""
    move_to(tmp_path, monkeypatch)
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['mpi4py'] = None\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("dask_hpc.jobs.on_this_machine.shutil.which", lambda *_words, **_options: None)


@pytest.mark.usefixtures("_without_mpi")
def test_a_gang_of_one_rank_needs_no_mpi() -> None:
    """A notebook for many ranks runs with one."""
    with MPICluster("alone") as cluster:
        found = cluster.run_mpi(solve, 2.0, ranks=1, inputs=[[1.0, 2.0]]).result(timeout=120)

    assert found == [[0, 1, 6.0, ["x"], 3]]


@pytest.mark.usefixtures("_without_mpi")
def test_more_ranks_without_mpi_are_refused_with_the_cure() -> None:
    """The message names what to install."""
    with pytest.raises(SubmitRefused, match="pip install mpich"):
        MPICluster("many", ranks_per_node=2)


def test_the_stand_in_says_what_it_lacks() -> None:
    """Nothing is pretended."""
    with pytest.raises(AttributeError, match="has no Send; pip install mpi4py mpich"):
        AloneComm().Send  # noqa: B018 - the access is what is tested


def test_the_stand_in_has_one_rank() -> None:
    """Another root than 0 is an error, not a hang."""
    with pytest.raises(ValueError, match="root is 1"):
        AloneComm().bcast("x", root=1)
