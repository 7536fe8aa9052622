"""Scratch directories of a cluster's processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dask_hpc.block.scratch import scratch, sweep


@pytest.fixture(autouse=True)
def _own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_scratch_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    """Nobody else reads what is spilled, and nothing of it stays."""
    with scratch("41") as spill:
        mode = Path(spill).stat().st_mode & 0o777

    assert (mode, list(tmp_path.iterdir())) == (0o700, [])


def test_what_a_killed_neighbour_left_is_swept(tmp_path: Path) -> None:
    """A process that is gone cannot remove its own; its neighbours of the same job do."""
    code = f"import os, tempfile; tempfile.mkdtemp(prefix=f'beamside-41-{{os.getpid()}}-', dir={str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)

    sweep("41")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [f"beamside-41-{os.getpid()}-x", "beamside-42-1-x", "beamside-41-notes", "beamside"],
    ids=["lives", "another job's", "no folder of ours", "no folder of a job"],
)
def test_what_lives_or_is_another_jobs_stays(tmp_path: Path, name: str) -> None:
    """Only this job's, and only those without a process."""
    (tmp_path / name).mkdir()

    sweep("41")

    assert [path.name for path in tmp_path.iterdir()] == [name]
