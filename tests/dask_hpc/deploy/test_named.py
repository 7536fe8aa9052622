"""One named cluster of this machine, as lists, tools, notebooks and terminals see it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import EntryPoint

import psutil
import pytest

from beamside.command import main
from beamside.demo.processes import wait_until
from dask_hpc import MPICluster
from dask_hpc.discovery import discover
from dask_hpc.errors import ClusterEnded, NameTaken
from dask_hpc.jobs.recipe import read_recipe, write_recipe
from dask_hpc.record.folder import KEY, folder_of, release
from facility.clusters import ClusterRecord, read_record, remove_record, write_record
from facility.errors import NotFound, OptionError
from tests.dask_hpc.laptop import ROOT, move_to

PAIRS = """
[systems.laptop.cluster_profiles.pairs]
ranks_per_node = 2
threads_per_rank = 3
memory_per_rank = "256 MiB"
"""


@pytest.fixture(scope="module", autouse=True)
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("laptop")
    with pytest.MonkeyPatch.context() as patch:
        move_to(folder, patch, PAIRS)
        yield


@pytest.fixture(scope="module")
def pair(_laptop: None) -> Iterator[MPICluster]:
    """A cluster of the profile `pairs`, both of whose ranks have come."""
    with MPICluster("pair", profile="pairs") as cluster:
        cluster.wait_for_workers(timeout=120)
        yield cluster


@pytest.fixture
def copy(pair: MPICluster) -> Iterator[ClusterRecord]:
    """A second record that names the same job, address and scheduler, with the same credentials."""
    record = replace(read_record("pair"), name="copy")
    folder_of("copy").mkdir(mode=0o700)
    for file in folder_of("pair").glob("*.pem"):
        (folder_of("copy") / file.name).write_bytes(file.read_bytes())
        (folder_of("copy") / file.name).chmod(0o600)
    yield record
    remove_record("copy")
    release("copy")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `beamside clusters WORDS` prints for programs or people; it has to succeed."""
    capsys.readouterr()
    assert main(["clusters", *words]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_profile_makes_the_cluster(pair: MPICluster) -> None:
    """Its ranks, their threads and their memory are those that the site named."""
    workers = pair.scheduler_info["workers"].values()

    assert {worker["name"] for worker in workers} == {"0-0", "0-1"}
    assert {(worker["nthreads"], worker["memory_limit"]) for worker in workers} == {(3, 256 * 2**20)}


async def test_dasks_tools_find_it(pair: MPICluster) -> None:
    """By the entry point that dask-ctl reads: its name, and the class whose `from_name` joins it."""
    group = "dask_cluster_discovery"
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][group]
    ask = EntryPoint("beamside", told["beamside"], group).load()

    assert [one async for one in ask()] == [("pair", MPICluster)]


async def test_without_a_profile_there_is_nothing_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that asks every package gets an empty answer, no error."""
    monkeypatch.delenv("BEAMSIDE_PROFILE")

    assert [one async for one in discover()] == []


async def test_what_was_found_is_joined_and_scaled_with_await(pair: MPICluster) -> None:
    """As dask-ctl does with every cluster that it finds."""
    cluster = await MPICluster.from_name("pair", asynchronous=True)
    try:
        await cluster.scale(2)

        assert (cluster.status.name, "id" in cluster.scheduler_info) == ("running", True)
    finally:
        await cluster.disconnect()


def test_another_scheduler_at_the_address_makes_a_record_stale(copy: ClusterRecord) -> None:
    """Told by the scheduler's own id; the record that is right stays as it is."""
    write_record(replace(copy, scheduler_id="Scheduler-of-somebody-else"))

    found = {record.name: record.state for record in MPICluster.list()}

    assert found == {"copy": "stale", "pair": "running"}


async def test_a_scheduler_without_the_clusters_certificate_is_another_one(copy: ClusterRecord) -> None:
    """And what is stale is joined by no tool."""
    other = MPICluster("other")
    with closing(other):
        other.wait_for_workers(timeout=120)
        write_record(replace(copy, scheduler_address=read_record("other").scheduler_address))
        found = {record.name: record.reason for record in MPICluster.list()}
        names = {name async for name, _ in discover()}

    assert found["copy"].startswith("another scheduler answers at tls://")
    assert names == {"pair", "other"}


def test_silence_makes_no_record_stale(copy: ClusterRecord) -> None:
    """Where nobody answers the network may be cut, and Slurm alone says what is gone."""
    write_record(replace(copy, scheduler_address="tls://127.0.0.1:9"))

    assert {record.state for record in MPICluster.list()} == {"running"}


def test_a_terminal_lists_it(pair: MPICluster, capsys: pytest.CaptureFixture[str]) -> None:
    """For people a row, for programs the record, block by block too."""
    row = said(capsys).splitlines()[1].split()
    block = said(capsys, "show", "pair").splitlines()[-1]
    record = json.loads(said(capsys, "--json"))[0]

    assert row[:4] == ["pair", "running", "1", "2"]
    assert block.endswith("2 of 2 ranks are here")
    assert record["scheduler_id"] == read_record("pair").scheduler_id


def test_a_terminal_says_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, and a status."""
    assert main(["clusters", "close", "nobody"]) == 1
    assert capsys.readouterr().err == "no cluster is named 'nobody'; MPICluster.list() shows the names\n"


def test_adapting_is_held_by_every_kernel_and_ended_by_any(pair: MPICluster) -> None:
    """What `adapt` returned tells when another handle's `scale` has ended it."""
    adapting = pair.adapt(minimum=2, maximum=2)
    before = adapting.state
    with MPICluster.from_name("pair") as joined:
        joined.scale(blocks=1)

    assert before == "running"
    wait_until(lambda: adapting.state == "stopped", seconds=30, otherwise=lambda: repr(adapting))


def test_adapting_takes_bounds_in_blocks(pair: MPICluster) -> None:
    """A block of this cluster has two workers of three cores each; less than one block is refused."""
    adapting = pair.adapt(minimum_jobs=1, maximum_cores=13)
    bounds = adapting.minimum, adapting.maximum
    adapting.stop()

    assert bounds == (2, 4)
    with pytest.raises(OptionError, match="a block has 2"):
        pair.adapt(maximum_memory="300 MiB")


def test_adapting_can_be_stopped(pair: MPICluster) -> None:
    """The blocks that there are stay."""
    adapting = pair.adapt(minimum=2, maximum=2)
    shown = pair._scaling_status()
    adapting.stop()

    assert "Adaptive, 2 to 2 workers" in shown
    assert (adapting.state, pair.adapts_between, len(pair.plan)) == ("stopped", None, 2)


def test_the_logs_are_the_schedulers_the_workers_and_the_jobs(pair: MPICluster) -> None:
    """One entry for each, under the names that Dask uses."""
    logs = pair.get_logs()

    assert {"Cluster", "Scheduler", *pair.scheduler_info["workers"]} <= set(logs)
    assert set(pair.get_logs(cluster=False, workers=False)) == {"Scheduler"}


def test_a_notebook_shows_a_bar_and_the_blocks(pair: MPICluster) -> None:
    """As HTML, whether there are widgets or not."""
    page = pair._repr_html_()

    assert '<progress value="2" max="2"' in page
    assert "Block 0, job local-" in page


def test_the_picture_follows_where_there_are_widgets(pair: MPICluster) -> None:
    """Dask's own widget, with our lines in it."""
    tab = pair._widget()
    status, scaling = tab.children

    assert "<progress" in status.value
    assert "Block 0" in scaling.children[0].value


def test_what_has_ended_still_has_its_logs() -> None:
    """Whoever joined is told why, and reads what the job printed last."""
    cluster = MPICluster("shortly")
    with closing(cluster):
        cluster.wait_for_workers(timeout=120)
        psutil.Process(int(read_record("shortly").job_ids[0].split("-")[1])).terminate()
        wait_until(lambda: cluster.status.name == "failed", seconds=60, otherwise=lambda: str(cluster.status))

        assert "has gone" in cluster.get_logs()["Cluster"]
        assert not (folder_of("shortly") / KEY).exists()


def test_what_has_ended_begins_again_in_one_line() -> None:
    """The same name, ranks and blocks, from the words of the error; while it is alive it is joined instead."""
    first = MPICluster("fell", profile="pairs")
    first.wait_for_workers(timeout=120)
    psutil.Process(int(read_record("fell").job_ids[0].split("-")[1])).terminate()
    wait_until(lambda: read_record("fell").state == "failed", seconds=60, otherwise=lambda: str(read_record("fell")))
    with pytest.raises(ClusterEnded, match=r"MPICluster\.start_again\('fell'\)"):
        MPICluster.from_name("fell").get_client()
    first.disconnect()

    with MPICluster.start_again("fell") as cluster:
        cluster.wait_for_workers(timeout=120)
        threads = sorted(cluster.get_client().nthreads().values())
        with pytest.raises(NameTaken, match="joins it"):
            MPICluster.start_again("fell")

    assert threads == [3, 3]
    with pytest.raises(NotFound, match="no cluster is named 'fell'"):
        MPICluster.start_again("fell")  # it was closed


def test_inside_of_another_job_it_begins_by_hand(monkeypatch: pytest.MonkeyPatch, copy: ClusterRecord) -> None:
    """A cluster that was a step of a job is no step of another one; the message tells both ways."""
    write_record(replace(copy, state="failed"))
    write_recipe("copy", replace(read_recipe("pair"), within="41"))
    monkeypatch.setenv("SLURM_JOB_ID", "42")

    with pytest.raises(NotFound, match=r"MPICluster\.in_this_job\('copy'\)"):
        MPICluster.start_again("copy")
