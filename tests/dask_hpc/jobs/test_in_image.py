"""Ranks in a container image: how they are called there, what they find, and what is said where they cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dask_hpc.block.steps import last_words, rank_environment
from dask_hpc.deploy.create import make_spec
from dask_hpc.jobs.in_image import ranks_python, ranks_variables
from dask_hpc.mpi.alike import NotAlike, check_versions, cure, differences, versions, write_versions
from dask_hpc.record.folder import reserve
from facility.errors import OptionError, ProfileError
from facility.image_facts import Container, ImageFact
from facility.profile import System, read_profile
from tests.dask_hpc.recipes import PROVIDER, RECIPE

IMAGE = "charliecloud:beam/mpi:1.0"
INSIDE = f"image {IMAGE}"
SITE = """
name = "Tests"
[service]
url = "http://127.0.0.1:8400"
[systems.tests]
title = "Tests"
[[systems.tests.image_catalogues]]
driver = "charliecloud"
storage = "/images"
[systems.tests.containers.charliecloud]
[systems.tests.containers.podman-hpc]
"""
SYSTEM = read_profile(SITE).system
AROUND = {"HOME": "/global/homes/a/ana", "PATH": "/bin", "XDG_STATE_HOME": "/global/homes/a/ana/state",
          "DASK_CONFIG": "/etc/dask", "PYTHONPATH": "/global/homes/a/ana/own"}  # fmt: skip
HERE = {"python": "3.11", "beamside": "0.1.0", "dask": "2026.8.0", "distributed": "2026.8.0", "cloudpickle": "3.1.2"}


def test_without_an_image_the_ranks_have_the_python_of_their_maker() -> None:
    """Nothing of a container is in the argv, the environment or the folder."""
    spec = make_spec("tonight", RECIPE, 1, PROVIDER)

    assert (2, "-P", "") == (len(spec.python), spec.python[1], spec.image)
    assert "/own" == rank_environment({"PYTHONPATH": "/own"}, spec)["PYTHONPATH"]


def test_the_ranks_python_is_called_by_the_images_runtime() -> None:
    """In the notebook's folder, as it is called inside."""
    argv = ranks_python(IMAGE, SYSTEM, AROUND, "/global/homes/a/ana/scans")

    assert ("ch-run", "--storage=/images", "--home", "--cd=/home/ana/scans") == argv[:4]
    assert ("beam/mpi:1.0", "--", "python3", "-P") == argv[-4:]


def test_paths_below_the_home_directory_are_those_inside() -> None:
    """Others are the operator's to mount, under their own path."""
    found = ranks_variables(IMAGE, SYSTEM, AROUND)

    assert ("/home/ana/state", None) == (found["XDG_STATE_HOME"], found.get("DASK_CONFIG"))


def test_ranks_in_namespaces_of_their_own_do_not_read_one_anothers_memory() -> None:
    """The kernel would refuse it, and MPICH would end the job with the first large message."""
    shifter = SYSTEM.model_copy(update={"containers": {**SYSTEM.containers, "shifter": Container()}})

    assert "0" == ranks_variables(IMAGE, SYSTEM, AROUND)["MPIR_CVAR_CH4_CMA_ENABLE"]
    assert {} == ranks_variables("shifter:docker:lab:1", shifter, AROUND)


def test_variables_of_the_python_outside_do_not_get_in() -> None:
    """They would mislead the one inside."""
    spec = replace(make_spec("tonight", RECIPE, 1, PROVIDER), image=IMAGE, variables={"XDG_STATE_HOME": "/home/ana/s"})

    found = rank_environment(AROUND, spec)

    assert ("/home/ana/s", "/bin", False) == (found["XDG_STATE_HOME"], found["PATH"], "PYTHONPATH" in found)


def test_podman_shares_processes_and_memory_among_ranks() -> None:
    """MPI's ranks of a node meet in shared memory, and a rank ends the one whose place it takes."""
    system = SYSTEM.model_copy(update={"mpi_launch": "pmix"})

    argv = ranks_python("podman-hpc:beam/mpi:1.0", system, AROUND, "/global/homes/a/ana")

    assert {"--pid=host", "--ipc=host", "--env=PMI*", "--env=XDG_STATE_HOME"} < set(argv)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ("podman-hpc:beam/mpi:1.0", OptionError, "podman-hpc passes no pmi2"),
        ("tools", OptionError, "tools is no container image of Tests"),
        ("shifter:docker:lab:1", ProfileError, "shifter is not set up on Tests"),
    ],
)
def test_what_cannot_hold_ranks_is_refused(image: str, error: type[Exception], words: str) -> None:
    """Before anything is submitted, and with the reason."""
    tools = ImageFact(name="tools", driver="module", title="Tools", activate=("module load tools",))
    system: System = SYSTEM.model_copy(update={"images": (tools,)})

    with pytest.raises(error, match=words):
        ranks_python(image, system, AROUND, "/global/homes/a/ana")


def test_equal_versions_are_alike() -> None:
    """Nothing is said; sources without a version count as what they are."""
    assert "" == differences(INSIDE, HERE, HERE)
    assert "" == differences(INSIDE, HERE, {**HERE, "beamside": ""})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"distributed": "2025.1.0"}, "the Python that made the cluster has distributed 2026.8.0: build"),
        ({"dask": ""}, "build it with pip install dask==2026.8.0"),
        ({"python": "3.13"}, "build it with Python 3.11"),
    ],
)  # fmt: skip
def test_another_version_is_named_with_the_cure(found: dict[str, str], words: str) -> None:
    """Both sides of a cluster must be of the same versions."""
    assert words in differences(INSIDE, HERE, {**HERE, **found})


def test_a_rank_holds_itself_against_what_its_maker_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it reads anything else of the cluster; a cluster without an image has left nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    reserve("tonight")
    check_versions("tonight")
    write_versions("tonight", INSIDE)
    check_versions("tonight")
    monkeypatch.setattr("dask_hpc.mpi.alike.versions", lambda: {**versions(), "dask": "1.0"})

    with pytest.raises(NotAlike, match=r"has dask 1\.0"):
        check_versions("tonight")


@pytest.mark.parametrize(
    "said", ["/usr/bin/python3: No module named dask_hpc", "ch-run: error: can't execve(2): python3"]
)
def test_what_an_image_lacks_is_named(said: str) -> None:
    """Its ranks, or its runtime, say only that something is not there."""
    words = last_words([said], "pmi2", INSIDE)

    assert f"{INSIDE} must hold, as python3 in its PATH: python 3." in words
    assert "mpi4py with an MPI that speaks pmi2" in words


def test_the_end_of_ranks_that_worked_names_no_cure() -> None:
    """Nor one of ranks outside of images."""
    assert "" == cure("Killed", INSIDE, "pmi2")
    assert "" == cure("No module named dask_hpc", "", "pmi2")
