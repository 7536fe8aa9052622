"""The agents' decisions; their processes are tested on the real Slurm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dask_hpc.block.first import take_over
from dask_hpc.block.steps import last_words, rank_environment
from dask_hpc.deploy.create import make_spec
from facility.clusters import ClusterRecord, read_record, write_record
from tests.dask_hpc.recipes import PROVIDER, RECIPE

RECORD = ClusterRecord("tonight", 0.0, "", "realtime", "", 1, 1, job_ids=("41",))
SPEC = make_spec("tonight", RECIPE, 1, PROVIDER)


def test_mpi_is_kept_on_loopback_where_that_is_the_network() -> None:
    """UCX listens everywhere unless told; a prologue's own word stays."""
    found = rank_environment({"UCX_TLS": "self"}, SPEC)

    assert (found["UCX_NET_DEVICES"], found["UCX_TLS"]) == ("lo", "self")


def test_on_a_real_network_mpi_chooses_for_itself() -> None:
    """A fabric's settings are the operator's, in mpi_prologue."""
    assert "UCX_NET_DEVICES" not in rank_environment({}, replace(SPEC, network_interface="hsn0"))


def test_a_rank_runs_one_thread_in_each_numeric_library() -> None:
    """Unless the user says otherwise, ranks do not crowd one another's cores."""
    found = rank_environment({"OMP_NUM_THREADS": "3"}, SPEC)

    assert (found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]) == ("3", "1")


def test_srun_that_cannot_launch_mpi_is_told_with_its_cure() -> None:
    """srun's own words come first, the key to change last."""
    words = last_words(["srun: error: Invalid MPI type 'pmix', --mpi=list for acceptable types"], "pmix")

    assert words.endswith("mpi_launch is pmix: set it in facility.toml to one that `srun --mpi=list` names")


def test_silence_is_told_as_silence() -> None:
    """No words are not an empty message."""
    assert last_words([], "pmi2") == "they said nothing"


async def test_the_job_enters_what_slurm_granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record gets the account that Slurm chose where the user named none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ACCOUNT", "ncem")
    write_record(RECORD)

    await take_over("tonight", "41")

    assert read_record("tonight").account == "ncem"
