"""Clusters of somebody who has a token and no command of Slurm's: the real service over the real Slurm."""

from __future__ import annotations

import asyncio
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dask
import httpx
import pytest
import pytest_asyncio

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from dask_hpc.config import read_knobs
from dask_hpc.jobs.blocks import blocks_of
from dask_hpc.jobs.on_slurm import SlurmBlocks, job_script, options_of
from dask_hpc.jobs.on_superfacility import ENVIRONMENT, SuperfacilityBlocks, exports
from dask_hpc.record.folder import folder_of, reserve
from facility.credentials import KEY_VARIABLE, URL_VARIABLE
from facility.errors import FacilityError, HomeRefused, NotOffered, OptionError, ProfileError
from facility.profile import VARIABLE, Commands
from facility.service.identity.local import LocalIdentity
from tests.dask_hpc.conftest import COMMANDS, PROFILE, Notebooks
from tests.dask_hpc.recipes import RECIPE, REQUEST, SYSTEM
from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import site_over

if TYPE_CHECKING:
    from tests.conftest import RunAs

WRAPPER = """#!/bin/sh
tr '\\0' '\\n' < /proc/$PPID/environ | grep -q ^SLURM_JOB_ID= || echo "$0 $*" >> {told}
exec {command} "$@"
"""
TWO = ("--ranks-per-node", "2", "--qos", "regular", "--memory-per-rank", "512 MiB")
NOWHERE = SYSTEM.model_copy(update={"commands": Commands(sbatch="/nowhere/sbatch")})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AtWork]:
    """The facility's service, which calls the machine as the notebooks' facility.toml does."""
    with site_over(slurm) as site:
        system = site.profile.system.model_copy(update={"aliases": ("demo",)})
        profile = site.profile.model_copy(update={"systems": {site.profile.system_name: system}})
        async with at_work(profile, tmp_path_factory.mktemp("service")) as found:
            yield found


@pytest.fixture(scope="module")
def outside(slurm: SlurmCluster, run_as: RunAs, service: AtWork) -> Iterator[Notebooks]:
    """Ana in a container that shares her home: her key, and commands of Slurm's that tell who calls them, but jobs."""
    user, folder = slurm.people.ana, Path(tempfile.mkdtemp(prefix="outside-", dir=slurm.directory.parent))
    folder.chmod(0o755)
    told = folder / "told"
    told.touch()
    told.chmod(0o666)
    for name in COMMANDS:
        (folder / name).write_text(WRAPPER.format(told=told, command=slurm.packages.command(name)), encoding="utf-8")
        (folder / name).chmod(0o755)
    profile = folder / "facility.toml"
    commands = {name: str(folder / name) for name in COMMANDS}
    profile.write_text(PROFILE.format(conf=slurm.conf, mpi_launch="pmi2", **commands), encoding="utf-8")
    key = shutil.move(service.key_file(user), folder / "key.json")
    shutil.chown(key, user)
    notebooks = Notebooks(run_as, user, profile, Path(f"~{user}").expanduser() / folder.name)
    notebooks.environment = {KEY_VARIABLE: str(key), "DASK_DASK_HPC__PROVIDER": "superfacility", "SECRET": "made up"}
    yield notebooks
    shutil.rmtree(notebooks.state, ignore_errors=True)
    shutil.rmtree(folder)


@pytest.fixture
def in_this_process(service: AtWork, slurm: SlurmCluster, outside: Notebooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same person's key and facility.toml, here."""
    monkeypatch.setenv(KEY_VARIABLE, str(service.key_file(slurm.people.ana)))
    monkeypatch.setenv(VARIABLE, str(outside.profile))


def called_outside(outside: Notebooks) -> str:
    """Which commands of Slurm's were called, but by jobs."""
    return (outside.profile.parent / "told").read_text()


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
async def test_a_cluster_computes_scales_and_ends_without_a_command_of_slurms(outside: Notebooks) -> None:
    """Its first job goes by the API, further ones by the scheduler in it; the job knows the paths, and no secret."""
    found = await asyncio.to_thread(outside.kernel, """
import os
with MPICluster("by-api", ranks_per_node=2, qos="regular", memory_per_rank="512 MiB", provider="superfacility") as one:
    one.wait_for_workers(timeout=120)
    total = one.run_mpi(lambda comm: comm.allreduce(comm.rank + 1)).result()
    one.scale(blocks=2)
    one.wait_for_workers(4, timeout=120)
    around = one.get_client().run(lambda: dict(os.environ))
    known = next(iter(around.values()))
    answer = [total, sorted(one.observed), [block.job_id for block in one.blocks], list(known), known["XDG_STATE_HOME"],
              [record.state for record in MPICluster.list()]]
""")  # fmt: skip
    total, observed, jobs, variables, state, listed = found

    assert total == [3, 3]
    assert observed == ["0-0", "0-1", "1-0", "1-1"]
    assert listed == ["running"]
    assert state == str(outside.state)
    assert not {"SECRET", KEY_VARIABLE} & set(variables)
    assert called_outside(outside) == ""
    wait_until(
        lambda: outside.says("sacct", "-nXPj", ",".join(jobs), "-o", "state").split() == ["COMPLETED"] * 2,
        seconds=90, otherwise=lambda: outside.says("sacct", "-nXPj", ",".join(jobs)),
    )  # fmt: skip
    wait_until(lambda: not [path for path in outside.files if "by-api" in path], seconds=30, otherwise=str)


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
async def test_what_slurm_refuses_is_told_in_its_words_and_leaves_nothing(outside: Notebooks) -> None:
    """The API hands sbatch's own words on; what was asked for stands beside them."""
    said = await asyncio.to_thread(outside.command, "start", "refused", "--account", "nobodys")

    assert said["error"]["kind"] == "SubmitRefused"
    assert "nvalid account" in said["error"]["what"]
    assert "account nobodys" in said["error"]["what"]
    assert [path for path in outside.files if "refused" in path] == []


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_that_waits_says_why_and_is_cancelled_by_the_api(outside: Notebooks) -> None:
    """The reason is Slurm's; closing leaves neither job nor file."""
    job, words = await asyncio.to_thread(
        outside.kernel,
        """
with MPICluster("waits", nodes=6) as cluster:
    try:
        cluster.wait_for_workers(timeout=1)
    except TimeoutError as error:
        answer = [cluster.record.job_ids[0], str(error)]
""",
    )

    assert "is pending (QOSGrpNodeLimit): All jobs of this QOS together are at its limit of nodes." in words
    assert outside.says("sacct", "-nXPj", job, "-o", "state").startswith("CANCELLED")
    assert [path for path in outside.files if "waits" in path] == []
    assert called_outside(outside) == ""


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
async def test_a_scheduler_outside_of_the_jobs_submits_by_the_api_too(outside: Notebooks) -> None:
    """It finds the key as its maker did, by its path."""
    record = await asyncio.to_thread(outside.command, "start", "beside", "--scheduler", "here", *TWO, "--wait", "120 s")
    closed = await asyncio.to_thread(outside.command, "close", "beside")

    assert record.get("state") == "running", record
    assert len(record["blocks"]) == 2
    assert closed == {"closed": "beside"}
    assert called_outside(outside) == ""


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("in_this_process")
async def test_a_token_that_ended_is_replaced_by_the_key(service: AtWork) -> None:
    """The service refuses the old one; the question is asked again with a new one."""
    blocks = SuperfacilityBlocks(SYSTEM, read_knobs())
    assert await blocks.job("4000000") is None
    assert blocks._access is not None
    old = await blocks._access.token()
    async with httpx.AsyncClient(trust_env=False) as http:
        ended = await http.post(f"{service.url}/api/v1/auth/revoke", headers={"Authorization": f"Bearer {old}"})
    assert ended.is_success, ended.text

    assert await blocks.job("4000000") is None

    assert await blocks._access.token() != old


@pytest.mark.slurm
@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_that_ended_is_told_and_the_cluster_goes_on(
    service: AtWork, slurm: SlurmCluster, outside: Notebooks
) -> None:
    """Whoever has no token submits nothing more; the cluster is held by its own certificate, and closes in order."""
    record = await asyncio.to_thread(outside.command, "start", "goes-on", *TWO, "--wait", "120 s")
    identity = service.parts.identity
    assert isinstance(identity, LocalIdentity)
    identity.desk.store.revoke_client(service.key(slurm.people.ana).client_id, slurm.people.ana)

    said = await asyncio.to_thread(outside.command, "start", "comes-late")
    left = [path for path in outside.files if "comes-late" in path]
    listed = await asyncio.to_thread(outside.command, "list")
    closed = await asyncio.to_thread(outside.command, "close", "goes-on")

    assert said["error"]["kind"] == "NotSignedIn", said
    assert left == []
    assert [(one["name"], one["state"]) for one in listed] == [("goes-on", "running")]
    assert closed == {"closed": "goes-on"}
    wait_until(lambda: not [path for path in outside.files if "goes-on" in path], seconds=30, otherwise=str)
    assert record["state"] == "running"


def test_slurms_commands_are_taken_where_they_are_and_the_api_where_not() -> None:
    """Unless the provider is named."""
    system = SYSTEM.model_copy(update={"commands": Commands(sbatch="/bin/true")})
    named = replace(read_knobs(), provider="superfacility")

    assert isinstance(blocks_of(system, read_knobs()), SlurmBlocks)
    assert isinstance(blocks_of(NOWHERE, read_knobs()), SuperfacilityBlocks)
    assert isinstance(blocks_of(system, named), SuperfacilityBlocks)


def test_the_scheduler_in_a_job_takes_the_commands_of_its_node() -> None:
    """However the first block was submitted; a scheduler outside of the jobs goes on with what was asked for."""
    system = SYSTEM.model_copy(update={"commands": Commands(sbatch="/bin/true")})
    recipe = replace(RECIPE, system=system, knobs=replace(read_knobs(), provider="superfacility"))

    assert isinstance(recipe.blocks(), SlurmBlocks)
    assert isinstance(replace(recipe, place="here").blocks(), SuperfacilityBlocks)


def test_a_provider_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    """In dask.config as in the argument, which is read alike."""
    with dask.config.set({"dask_hpc.provider": "pigeon"}), pytest.raises(OptionError, match="slurm, superfacility"):
        read_knobs()


def test_who_has_no_key_is_told_why_one_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Slurm's commands are only missing in PATH, that is in the message too."""
    for name in (KEY_VARIABLE, "JUPYTERHUB_API_TOKEN", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    blocks = SuperfacilityBlocks(NOWHERE, read_knobs())

    with pytest.raises(ProfileError, match=r"no /nowhere/sbatch here\): where is the facility"):
        asyncio.run(blocks.job("7"))


def test_a_block_whose_environment_cannot_be_left_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is submitted; a folder that is not there stands for a disk that takes no file."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    with pytest.raises(HomeRefused, match="nothing was submitted"):
        asyncio.run(SuperfacilityBlocks(SYSTEM, read_knobs()).submit(REQUEST, "gone", 2))


def test_a_step_is_never_ended_by_ending_the_job_around_it() -> None:
    """Somebody's notebook runs there."""
    with pytest.raises(NotOffered, match="step of job 7, which goes on"):
        asyncio.run(SuperfacilityBlocks(NOWHERE, read_knobs()).cancel("7.3"))


def test_the_environment_is_in_a_private_file_and_not_in_the_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The API gets the file's name; PATH and home stay those of the node."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SITE", "it's; rm -rf $HOME")
    monkeypatch.setenv("BEAMSIDE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    reserve("mine")
    blocks = SuperfacilityBlocks(SYSTEM, replace(read_knobs(), environment=("SITE",)))

    with pytest.raises(FacilityError):
        asyncio.run(blocks.submit(REQUEST, "mine", 2))

    file = folder_of("mine") / ENVIRONMENT
    lines = file.read_text().splitlines()
    script = job_script(SYSTEM, "mine", 0, options_of(REQUEST, 2), str(file)).decode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert """export SITE='it'"'"'s; rm -rf $HOME'""" in lines
    assert f"export XDG_STATE_HOME={tmp_path}" in lines
    assert not [line for line in lines if line.startswith(("export PATH", "export HOME"))]
    assert f"\n. {file}\n" in script
    assert "SITE" not in script
    assert URL_VARIABLE in blocks.environment


def test_a_variable_that_no_shell_can_set_is_refused() -> None:
    """Its name would be read as a command."""
    with pytest.raises(OptionError, match="no name of a variable"):
        exports(("A;reboot",))


def test_short_jobs_ask_for_no_notice() -> None:
    """Slurm sends it two minutes before the end, and up to a minute earlier."""
    assert "--signal=B:USR1@120" in options_of(REQUEST, 2)
    assert "--signal=B:USR1@120" not in options_of(replace(REQUEST, walltime=timedelta(minutes=4)), 2)
