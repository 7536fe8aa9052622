"""What importing dask_hpc costs and needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dask_hpc

WITHOUT_DASK = """
import sys
sys.modules["dask"] = sys.modules["distributed"] = None
import dask_hpc
assert "MPICluster" in dir(dask_hpc)
"""


def test_the_package_imports_where_dask_is_absent() -> None:
    """The numeric kernels below it are used without Dask."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_DASK], capture_output=True, check=False)

    assert done.stderr.decode() == ""


def test_importing_it_loads_no_dask() -> None:
    """A name is loaded when it is used."""
    code = "import sys, dask_hpc; print('distributed' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


@pytest.mark.parametrize("program", ["dask_hpc.block.rank", "dask_hpc.gangs.step"])
def test_a_rank_begins_without_dask(program: str) -> None:
    """MPI is there first: what a rank reads before, the `__init__` of its room too, brings no Dask."""
    code = f"import sys, {program}; print(sorted({{'dask', 'distributed', 'mpi4py'}} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_a_block_begins_without_what_its_ranks_would_wait_for() -> None:
    """The batch job's own process starts them at once: no Dask, no models, no web client come first."""
    slow = {"dask", "distributed", "pydantic", "httpx"}
    code = f"import sys, dask_hpc.block.job; print(sorted({slow} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_a_scheduler_begins_without_a_web_client() -> None:
    """It asks Slurm on its node; one that asks the Superfacility API reads the client then."""
    code = "import sys, dask_hpc.scheduling.scheduler; print('httpx' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


@pytest.mark.parametrize("name", dask_hpc.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """The list of names and the modules agree."""
    assert getattr(dask_hpc, name).__name__ == name


def test_another_name_is_an_attribute_error() -> None:
    """As from any module."""
    with pytest.raises(AttributeError, match="no attribute 'MPIKluster'"):
        dask_hpc.MPIKluster  # noqa: B018 - the access is what is tested
