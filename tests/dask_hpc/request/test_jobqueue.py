"""Existing yaml of dask-jobqueue as a profile, with dask-jobqueue's builder and without."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask
import pytest

from dask_hpc.request import jobqueue
from dask_hpc.request.jobqueue import read_section
from dask_hpc.request.profiles import shape_of
from facility.errors import OptionError
from facility.profile import System

GIB = 2**30
SYSTEM = System(title="Demo")
NIGHT: dict[str, Any] = {
    "queue": "regular", "account": "m1234", "walltime": "01:30:00", "cores": 64, "memory": "129 GiB", "processes": 8,
    "job-extra-directives": ["-C cpu", "--qos=premium", "-N 4"],
}  # fmt: skip


@pytest.fixture(autouse=True, params=["with dask-jobqueue", "without"])
def _builder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each section is read by both builders, which have to agree."""
    monkeypatch.setattr(dask.config, "PATH", str(tmp_path))  # dask-jobqueue leaves a file there when it is imported
    if request.param == "without":
        monkeypatch.setattr(jobqueue, "find_spec", lambda _name: None)
    else:
        assert find_spec("dask_jobqueue"), "the extra `test` brings it"
    with dask.config.set({"jobqueue": {}}):
        yield


def section(**keys: object) -> dict[str, object]:
    """What the section "slurm" of these keys gives."""
    with dask.config.set({"jobqueue.slurm": {key.replace("_", "-"): value for key, value in keys.items()}}):
        return dict(read_section("jobqueue.slurm").values)


def test_a_whole_section_becomes_a_shape() -> None:
    """A user's yaml for one-node jobs of eight processes, used for four nodes."""
    with dask.config.set({"jobqueue.night": NIGHT}):
        shape, notes = shape_of({"blocks": 2}, "jobqueue.night", SYSTEM)

    assert (shape.partition, shape.account, shape.qos, shape.constraint) == ("regular", "m1234", "premium", "cpu")
    assert (shape.nodes, shape.ranks_per_node, shape.threads_per_rank, shape.blocks) == (4, 8, 8, 2)
    assert (shape.memory_per_rank, str(shape.walltime), notes) == (16 * GIB, "1:30:00", ())


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, {"qos": "-"}),
        ({"project": "als"}, {"qos": "-", "account": "als"}),
        ({"account": "als", "project": "ncem"}, {"qos": "-", "account": "als"}),
        ({"cores": 6}, {"qos": "-", "ranks_per_node": 3, "threads_per_rank": 2}),
        ({"cores": 8, "processes": 2, "job_cpu": 16}, {"qos": "-", "ranks_per_node": 2, "threads_per_rank": 4}),
        ({"job_cpu": 16}, {"qos": "-", "threads_per_rank": 16}),
        ({"memory": "24 GB"}, {"qos": "-", "memory_per_rank": 22 * GIB}),
        ({"memory": "1 GiB"}, {"qos": "-", "memory_per_rank": GIB}),
        ({"job_mem": "9G", "processes": 4}, {"qos": "-", "ranks_per_node": 4, "memory_per_rank": 2 * GIB}),
        ({"walltime": "45"}, {"qos": "-", "walltime": "45 minutes"}),
        ({"walltime": "1-12"}, {"qos": "-", "walltime": "1-12:00"}),
        ({"walltime": "90:00"}, {"qos": "-", "walltime": "90 minutes"}),
        ({"job_extra": ["--gres=gpu:a100:4"]}, {"qos": "-", "ranks_per_node": 4, "gpus_per_rank": 1}),
        ({"job_extra": ["--gpus-per-node=4"], "processes": 2}, {"qos": "-", "ranks_per_node": 2, "gpus_per_rank": 2}),
        ({"queue": "debug", "job_directives_skip": ["-p "]}, {"qos": "-"}),
        ({"queue": "debug", "job_extra_directives": ["--partition regular"]}, {"qos": "-", "partition": "regular"}),
    ],
)  # fmt: skip
def test_each_key_becomes_an_argument(keys: dict[str, object], found: dict[str, object]) -> None:
    """Old names of keys too; the later of two directives wins."""
    assert section(**keys) == found


@pytest.mark.parametrize(
    "directive",
    [
        "--uid=0",
        "--wrap=reboot",
        "--export=ALL",
        "-D /etc",
        "--mem=lots",
        "-N many",
        "-n 4",
        "rm -rf x",
        "'",
        "--exclusive",
    ],
)
def test_what_is_not_on_the_list_is_refused(directive: str) -> None:
    """The message names the section and the option."""
    with pytest.raises(OptionError, match=r"profile: jobqueue\.slurm"):
        section(job_extra_directives=[directive])


def test_a_directive_never_gets_further_than_its_value() -> None:
    """What a name may be is judged once more where the shape is read."""
    with (
        dask.config.set({"jobqueue.slurm": {"queue": "main --uid=0"}}),
        pytest.raises(OptionError, match=r"no option of sbatch|is no name"),
    ):
        shape_of({}, "jobqueue.slurm", SYSTEM)


def test_lines_for_a_script_are_left_out_and_told() -> None:
    """No user text gets into a batch script."""
    keys = {"env-extra": ["export A=1"], "interface": "ib0", "job-extra-directives": ["-o out.txt"]}
    with dask.config.set({"jobqueue.slurm": keys}):
        _, notes = shape_of({}, "jobqueue.slurm", SYSTEM)

    assert [note.split(":")[1].strip() for note in notes] == ["--output", "job-script-prologue", "interface"]


def test_reading_leaves_the_section_as_it_is() -> None:
    """And makes no folder for logs."""
    keys = {"interface": "ib0", "worker-extra-args": ["--nanny"], "log-directory": "/nonexistent/made"}
    with dask.config.set({"jobqueue.slurm": keys}):
        read_section("jobqueue.slurm")

    assert keys["worker-extra-args"] == ["--nanny"]


def test_a_section_that_is_not_there_is_told_with_those_that_are() -> None:
    """The names to choose from are in the message."""
    with dask.config.set({"jobqueue.perlmutter": {}}), pytest.raises(OptionError, match=r"it has jobqueue\.perlmutter"):
        read_section("jobqueue.slurm")
