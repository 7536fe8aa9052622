"""Ranks inside container images: the real ch-run, the real Slurm and the real MPI, the scheduler outside."""

from __future__ import annotations

import json
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dask_hpc
import facility
from tests.charliecloud import ch_image, ch_run, lay_out_mounts, make_image, shared_with_the_node
from tests.dask_hpc.left import wait_for_nothing

if TYPE_CHECKING:
    from tests.conftest import RunAs
    from tests.dask_hpc.conftest import Desk, Notebooks

pytestmark = pytest.mark.slurm

LINES = """
[[systems.demo.image_catalogues]]
driver = "charliecloud"
storage = {storage}
command = {ch_image}
[systems.demo.containers.charliecloud]
program = {ch_run}
options = {options}
"""
INSIDE, BARE, OLD = "charliecloud:beam/mpi:1.0", "charliecloud:beam/bare:1.0", "charliecloud:beam/old:1.0"
CLUSTER = """
import os
cluster = MPICluster.from_name("inside")
client = cluster.get_client()
cluster.wait_for_workers(4, timeout=90)
"""


def lay_out(tree: Path, mounts: list[Path]) -> None:
    """An image with a Python that has beamside, and one that has not; and with the mark of another Dask."""
    lay_out_mounts(tree, mounts)
    pythons = {"own": sys.executable, "bare": str(Path(sys.base_prefix, "bin", "python3"))}
    for name, python in pythons.items():
        program = tree / name / "bin" / "python3"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {python} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    for package in (dask_hpc, facility):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, tree / "own" / "site" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    mark = tree / "old" / "distributed-2020.1.0.dist-info" / "METADATA"
    mark.parent.mkdir(parents=True)
    mark.write_text("Metadata-Version: 2.1\nName: distributed\nVersion: 2020.1.0\n", encoding="utf-8")


@pytest.fixture(scope="module")
def site(desk: Desk, run_as: RunAs) -> Iterator[Notebooks]:
    """Ana's desk at a site that has Charliecloud and three images."""
    ana, run = desk("ana"), ch_run()
    mounts = shared_with_the_node(Path(pwd.getpwnam(ana.user).pw_dir))
    place = Path(tempfile.mkdtemp(prefix="images-", dir=ana.profile.parent))
    place.chmod(0o755)
    lay_out(place / "tree", mounts)
    for image, path, site in (
        (INSIDE, "/own/bin", "/own/site"),
        (BARE, "/bare/bin", ""),
        (OLD, "/own/bin", "/old:/own/site"),
    ):
        variables = {"PATH": f"{path}:/usr/bin:/bin", "PYTHONPATH": site}
        make_image(place / "tree", place / "storage", image.partition(":")[2], variables)
    facts = {"storage": str(place / "storage"), "ch_image": list(ch_image()), "ch_run": list(run),
             "options": [f"--bind={path}" for path in mounts]}  # fmt: skip
    profile = place / "facility.toml"
    lines = LINES.format(**{key: json.dumps(value) for key, value in facts.items()})
    profile.write_text(ana.profile.read_text(encoding="utf-8") + lines, encoding="utf-8")
    yield replace(ana, profile=profile)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def inside(site: Notebooks) -> Iterator[Notebooks]:
    """A cluster of 2 nodes × 2 ranks in an image."""
    size = ("--nodes", "2", "--ranks-per-node", "2", "--memory-per-rank", "512 MiB", "--qos", "regular")
    record = site.command("start", "inside", *size, "--image", INSIDE, "--wait", "90 s")
    assert record.get("state") == "running", record
    yield site
    site.command("close", "inside")
    wait_for_nothing(site, "inside", record["job_ids"])


def refused(site: Notebooks, name: str, image: str) -> str:
    """What is said of a cluster in an image that cannot hold ranks."""
    answer: dict[str, Any] = site.command("start", name, "--qos", "regular", "--image", image, "--wait", "90 s")
    return f"{answer['error']['kind']}: {answer['error']['what']}"


def test_ranks_in_an_image_are_workers_and_one_mpi_world(inside: Notebooks) -> None:
    """Their programs are the image's, on both nodes; the notebook and the scheduler are outside."""
    found = inside.kernel(
        CLUSTER
        + """
def where(comm):
    import dask_hpc, numpy
    from mpi4py import MPI
    total = numpy.empty(2**20)  # large enough for MPI to copy it by another way than small messages
    comm.Allreduce(numpy.full(2**20, float(comm.rank)), total)
    return [total.sum() / 2**20, dask_hpc.__file__, MPI.Get_processor_name()]
ranks = cluster.run_mpi(where).result(timeout=60)
outside = client.run_on_scheduler(lambda: os.path.exists("/own/site"))
answer = [ranks, client.submit(sum, [40, 2]).result(timeout=60), outside]
"""
    )

    ranks, summed, outside = found
    assert [(6, "/own/site/dask_hpc/__init__.py")] * 4 == [(total, file) for total, file, _ in ranks]
    assert (2, 42, False) == (len({node for *_, node in ranks}), summed, outside)


def test_the_home_directory_is_there_and_is_where_ranks_work(inside: Notebooks) -> None:
    """A file that a rank writes in its folder lies in the notebook's."""
    name = f"of-a-rank-{inside.state.name}.txt"
    inside.kernel(CLUSTER + f"answer = client.submit(lambda: open({name!r}, 'w').write('x')).result(timeout=60)")
    written = Path(pwd.getpwnam(inside.user).pw_dir) / name
    content = written.read_text(encoding="utf-8")
    written.unlink()

    assert "x" == content


def test_a_lost_rank_comes_back_in_the_image(inside: Notebooks) -> None:
    """By a step of its own, and the gang after it has all ranks again."""
    found = inside.kernel(
        CLUSTER
        + """
import time
before = set(client.run(os.getpid))
lost = client.submit(os._exit, 1, workers=[sorted(before)[0]])
while len(now := set(client.scheduler_info(n_workers=-1)["workers"])) < 4 or now == before:
    time.sleep(0.2)
lost.cancel()
answer = cluster.run_mpi(lambda comm: [comm.size, os.path.exists("/own/site")], ranks=4).result(timeout=90)
"""
    )

    assert [[4, True]] * 4 == found


def test_a_step_of_its_own_is_refused_with_the_other_way(inside: Notebooks) -> None:
    """There is no srun in the image, and the message says so."""
    found = inside.kernel(
        CLUSTER
        + 'error = cluster.run_mpi(lambda comm: 0, ranks=2, isolation="step").exception(timeout=60)\n'
        + "answer = [type(error).__name__, str(error)]"
    )

    assert "StepFailed" == found[0]
    assert 'use isolation="worker"' in found[1]


def test_an_image_without_beamside_is_named_with_what_it_must_hold(site: Notebooks) -> None:
    """Before any worker came, and the cluster has ended."""
    words = refused(site, "bare", BARE)

    assert words.startswith("ClusterEnded")
    assert f"image {BARE} must hold, as python3 in its PATH: python 3." in words


def test_an_image_with_another_dask_is_refused_with_both_versions(site: Notebooks) -> None:
    """What one side cannot read of the other is found before anything is sent."""
    words = refused(site, "old", OLD)

    assert words.startswith("ClusterEnded")
    assert f"image {OLD} has distributed 2020.1.0, and the Python that made the cluster has distributed 20" in words


def test_an_image_that_nobody_offers_is_refused_at_once(site: Notebooks) -> None:
    """With those there are, and without a job."""
    words = refused(site, "none", "charliecloud:beam/mpi:2.0")

    assert words.startswith("OptionError")
    assert INSIDE in words
