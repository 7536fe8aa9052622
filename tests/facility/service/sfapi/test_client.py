"""The client of the Superfacility API from PyPI, unmodified, against our service: everything that it offers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from sfapi_client import AsyncClient, Client, SfApiError
from sfapi_client.compute import AsyncCompute
from sfapi_client.jobs import AsyncJobSacct, JobCommand, JobState

from ..callbacks.conftest import Receiver, receiver
from .conftest import MACHINE, MAINTENANCE, Site

__all__ = ["receiver"]

pytestmark = pytest.mark.slurm

HEAD = "#!/bin/sh\n#SBATCH --account=ncem --qos=regular --time=5 --output=/dev/null\n"
SLEEPER = HEAD + "sleep 300\n"


def given(site: Site, user: str) -> dict[str, object]:
    """How somebody's client is made."""
    client_id, key = site.keys[user]
    where = {"api_base_url": site.api, "token_url": site.token_url, "wait_interval": 1}
    return {"client_id": client_id, "secret": key, **where}


@pytest.fixture
async def ana(site: Site) -> AsyncIterator[AsyncClient]:
    """Ana's client."""
    async with AsyncClient(**given(site, site.ana)) as client:
        yield client


@pytest.fixture
async def ben(site: Site) -> AsyncIterator[AsyncClient]:
    """Ben's client."""
    async with AsyncClient(**given(site, site.ben)) as client:
        yield client


@pytest.fixture
async def kim(site: Site) -> AsyncIterator[AsyncClient]:
    """The client of kim, who is an operator."""
    async with AsyncClient(**given(site, site.kim)) as client:
        yield client


@pytest.fixture
def sync_ana(site: Site) -> Iterator[Client]:
    """Ana's client that waits."""
    with Client(**given(site, site.ana)) as client:
        yield client


async def finished_record(compute: AsyncCompute, job_id: str) -> AsyncJobSacct:
    """What accounting has of a job in the end; it hears of it a moment after the controller."""
    async with asyncio.timeout(60):
        while True:
            try:
                record = await compute.job(job_id)
            except SfApiError as error:
                assert "Job not found" in error.message  # accounting has not heard of it yet
            else:
                if record.state == JobState.COMPLETED and record.workdir:
                    return record
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("form", ["pem", "json", "jwk"])
def test_signing_in_with_a_key(site: Site, tmp_path: Path, form: str) -> None:
    """A file, 0600, with the id of 13 characters in its first line, or in JSON; or a JWK."""
    client_id, key = site.keys[site.ana]
    path = tmp_path / ("key.json" if form == "json" else "key.pem")
    path.write_text(json.dumps({"client_id": client_id, "secret": key}) if form == "json" else f"{client_id}\n{key}")
    path.chmod(0o600)
    credentials = {"key": path}
    if form == "jwk":
        private = serialization.load_pem_private_key(key.encode(), None)
        credentials = {"client_id": client_id, "secret": jwt.algorithms.RSAAlgorithm.to_jwk(private, as_dict=True)}
    with Client(**credentials, api_base_url=site.api, token_url=site.token_url) as client:
        user, token = client.user(), client.token
    with Client(access_token=token, api_base_url=site.api) as client:
        again = client.user()

    assert site.ana == user.name == again.name


async def test_a_script_submitted_by_its_path_runs_to_its_end(ana: AsyncClient, site: Site) -> None:
    """As its owner, with arguments, in the owner's home; the client follows it to COMPLETED."""
    compute = await ana.compute(MACHINE)
    [home] = await compute.ls(str(site.home(site.ana)), directory=True)
    script = await (home / "run.sh").upload(BytesIO(f'{HEAD}echo "$2" > told\nid -un >> told\n'.encode()))
    job = await compute.submit_job(script, args=["one", "two words; $(id)"])
    state = await job.complete(timeout=60)
    told = await (home / "told").download()
    record = await finished_record(compute, job.jobid)

    assert (JobState.COMPLETED, f"two words; $(id)\n{site.ana}\n") == (state, told.read())
    assert (AsyncJobSacct, "run.sh", "ncem", str(home)) == (
        type(record), record.jobname, record.account, record.workdir
    )  # fmt: skip


def test_a_script_submitted_by_its_text_and_cancelled(sync_ana: Client) -> None:
    """The client that waits does the same."""
    compute = sync_ana.compute(MACHINE)
    job = compute.submit_job(SLEEPER)
    running = job.running(timeout=60)
    listed = [found.jobid for found in compute.jobs(user=sync_ana.user().name, partition="main")]
    asked = [found.jobid for found in compute.jobs(jobids=[job.jobid], command=JobCommand.squeue)]
    job.cancel(wait=True)

    assert (JobState.RUNNING, True, [job.jobid]) == (running, job.jobid in listed, asked)
    assert JobState.CANCELLED == job.state
    assert JobState.CANCELLED == compute.job(job.jobid, command=JobCommand.sacct).state


async def test_many_jobs_are_followed_at_once(ana: AsyncClient) -> None:
    """The client batches its questions, and so does the service."""
    compute = await ana.compute(MACHINE)
    jobs = await asyncio.gather(*(compute.submit_job(HEAD + "true\n") for _ in range(4)))
    states = await asyncio.gather(*(job.complete(timeout=90) for job in jobs))

    assert [JobState.COMPLETED] * 4 == states
    assert 4 == len({job.jobid for job in jobs})


async def test_a_part_of_a_listing(ana: AsyncClient) -> None:
    """By `index` and `limit`."""
    compute = await ana.compute(MACHINE)
    jobs = [await compute.submit_job(HEAD + "true\n") for _ in range(3)]
    asked = {"sacct": "true", "kwargs": f"jobid={','.join(job.jobid for job in jobs)}"}
    for job in jobs:
        await finished_record(compute, job.jobid)
    whole = await listed_ids(ana, asked)

    assert 3 == len(whole)
    assert whole[1:2] == await listed_ids(ana, asked | {"index": "1", "limit": "1"})


async def listed_ids(client: AsyncClient, asked: dict[str, str]) -> list[str]:
    """The jobs of a listing."""
    return [row["jobid"] for row in (await client.get(f"compute/jobs/{MACHINE}", asked)).json()["output"]]


async def test_the_end_of_a_job_is_called_back_in_time(ana: AsyncClient, receiver: Receiver) -> None:
    """When it ends; one that still waits when `callbackTimeout` is over is told of as it is then."""
    later = HEAD.replace("--time", "--begin=now+1hour --time")
    scripts = {"job.completed": (HEAD + "true\n", 3600), "job.pending": (later + "true\n", 1)}
    jobs = {}
    for event, (job, seconds) in scripts.items():
        form = {"job": job, "isPath": False, "callbackUrl": receiver.url, "callbackTimeout": seconds}
        jobs[event] = (await ana.post(f"compute/jobs/{MACHINE}", data=form)).json()
    told = {request.event["type"]: request.event["data"] for request in await receiver.wait(2, 120)}
    alone = {"job": HEAD, "isPath": False, "callbackTimeout": 5}
    nobody = (await ana.post(f"compute/jobs/{MACHINE}", data=alone)).json()
    await ana.delete(f"compute/jobs/{MACHINE}/{told['job.pending']['id']}")

    assert {"OK"} == {answer["status"] for answer in jobs.values()}
    assert ({"job.completed", "job.pending"}, "PENDING") == (set(told), told["job.pending"]["state"])
    assert ("ERROR", True) == (nobody["status"], "callbackTimeout" in nobody["error"])


async def test_a_refused_script_is_told_in_slurms_words(ana: AsyncClient) -> None:
    """Where the client looks for them."""
    compute = await ana.compute(MACHINE)
    with pytest.raises(SfApiError) as refusal:
        await compute.submit_job("#!/bin/sh\n#SBATCH --account=nosuch\ntrue\n")
    with pytest.raises(SfApiError) as missing:
        await compute.submit_job("/nonexistent/script.sh")

    assert "Invalid account" in refusal.value.message
    assert "No such file or directory" in missing.value.message


@pytest.mark.needs_root
async def test_others_jobs_are_seen_by_operators_only(ana: AsyncClient, ben: AsyncClient, kim: AsyncClient) -> None:
    """And ended by nobody but their owner."""
    job = await (await ana.compute(MACHINE)).submit_job(SLEEPER)
    theirs, operators = await ben.compute(MACHINE), await kim.compute(MACHINE)
    seen_by_ben = await theirs.jobs(jobids=[job.jobid])
    seen_by_kim = await operators.jobs(jobids=[job.jobid])
    await ben.delete(f"compute/jobs/{MACHINE}/{job.jobid}")
    await job.update()
    state = job.state
    await job.cancel(wait=True)

    assert ([], [job.jobid]) == (seen_by_ben, [found.jobid for found in seen_by_kim])
    assert state in {JobState.PENDING, JobState.RUNNING}


async def test_files_are_listed_written_and_read(ana: AsyncClient, site: Site) -> None:
    """Text, bytes, links and what is not there; a path means the same however it is written."""
    compute = await ana.compute(MACHINE)
    home = site.home(site.ana)
    [place] = await compute.ls(str(home), directory=True)
    raw = bytes(range(256)) * 1000
    await (place / "raw.bin").upload(BytesIO(raw))
    async with (place / "note.txt").open("w") as note:
        note.write("words\n")
    (home / "link").symlink_to("note.txt")
    names = {entry.name: entry for entry in await place.ls()}
    [link] = await compute.ls(str(home / "link"))
    back = await (place / "raw.bin").download(binary=True)
    async with (place / "note.txt").open("r") as note:
        words = note.read()
    with pytest.raises(SfApiError, match="No such file"):
        await compute.ls(str(home / "nothing"))
    still = home / "still"  # at home itself something else may be written meanwhile
    still.mkdir()
    (still / "file").touch()
    written = (str(still)[1:], str(still), str(still).replace("/", "%2F"))
    ways = [await ana.get(f"utilities/ls/{MACHINE}/{way}") for way in written]

    assert (True, True, True) == (await place.is_dir(), await names["note.txt"].is_file(), await link.is_symlink())
    assert (raw, "words\n", float(len(raw))) == (back.read(), words, names["raw.bin"].size)
    assert 1 == len({way.text for way in ways})
    assert (0o600, site.ana) == ((home / "note.txt").stat().st_mode & 0o777, (home / "note.txt").owner())


@pytest.mark.needs_root
async def test_others_files_stay_closed(ana: AsyncClient, site: Site) -> None:
    """The kernel says so, because it is ana who asks."""
    site.home(site.ben).chmod(0o700)
    with pytest.raises(SfApiError) as refusal:
        await (await ana.compute(MACHINE)).ls(str(site.home(site.ben)))

    assert "Permission denied" in refusal.value.message


async def test_commands_run_in_ones_own_shell(ana: AsyncClient, site: Site) -> None:
    """Their output comes back; one that fails says why; one that goes on is cancelled."""
    compute = await ana.compute(MACHINE)
    output = await compute.run(["id", "-un", "&&", "echo", "'two  words'"])
    with pytest.raises(SfApiError) as failure:
        await compute.run("echo no >&2; exit 3")
    task = await compute.run_task("sleep 100")
    await task.cancel()
    await task

    assert f"{site.ana}\ntwo  words\n" == output
    assert ("no", "CANCELLED") == (failure.value.message.strip(), task.status.value)


async def test_who_one_is_and_what_one_may_charge(ana: AsyncClient, site: Site) -> None:
    """User, projects with hours, roles, clients."""
    user = await ana.user()
    projects = {project.name: project for project in await user.projects()}
    roles = {role.repo_name: role.iris_role for role in await user.roles()}
    [client] = await user.clients()

    assert (site.ana, site.home(site.ana).owner()) == (user.name, user.name)
    assert {"ncem", "als"} <= set(projects)
    assert (100.0, 2.0, None) == (
        projects["als"].project_hours_given, projects["als"].cpu_project_hours_given, projects["als"].hours_given
    )  # fmt: skip
    assert projects["ncem"].hours_used is not None
    assert ("user", site.keys[site.ana][0]) == (roles["als"], client.clientId)
    assert "electron microscopy" == projects["ncem"].description


@pytest.mark.needs_root
async def test_a_projects_groups_are_made_and_changed_by_those_who_decide(
    ana: AsyncClient, ben: AsyncClient, kim: AsyncClient, site: Site
) -> None:
    """An operator makes them for any project and puts its people in; those see it, and each other."""
    [nstaff] = await (await kim.user()).projects()
    own = await nstaff.create_group("on-call")
    await kim.post("account/groups", data={"name": "night-shift", "repo_name": "als"})
    group = await kim.group("night-shift")
    await group.add([site.ana, site.ben])
    seen = [found.name for found in await (await ben.user()).groups()]
    members = {member.name for member in (await ana.group("night-shift")).members}
    other = await next(m for m in (await ana.group("night-shift")).members if m.name == site.ben).user()
    await group.remove([site.ben])
    await group.update()
    [project] = [found for found in await (await ana.user()).projects() if found.name == "als"]
    with pytest.raises(Exception, match="403"):
        await project.create_group("mine")

    assert ("night-shift" in seen, {site.kim, site.ana, site.ben}, site.ben) == (True, members, other.name)
    assert {site.kim, site.ana} == {member.name for member in group.members}
    assert [site.kim] == [member.name for member in own.members]


async def test_how_the_site_is_is_told_to_everybody(site: Site) -> None:
    """Without a key: changes, settings, status, notes, outages."""
    async with AsyncClient(api_base_url=site.api) as nobody:
        config, changes = await nobody.api.config(), await nobody.api.changelog()
        status, all_status = await nobody.resources.status(MACHINE), await nobody.resources.status()
        notes, all_notes = await nobody.resources.notes(MACHINE), await nobody.resources.notes()
        planned, outages = await nobody.resources.planned_outages(MACHINE), await nobody.resources.outages()
        compute = await nobody.compute(MACHINE)
        with pytest.raises(SfApiError, match="unauthenticated"):
            await compute.jobs()

    assert MACHINE in config["compute.targets"].split(",")
    assert (True, MACHINE, "active", "Alpine") == (bool(changes), status.name, status.status.value, status.full_name)
    assert {MACHINE, "globus"} <= set(all_status)
    assert ([], {}) == (notes, all_notes)
    assert [True] == [MAINTENANCE in outage.description for outage in planned]
    assert MACHINE in outages


@pytest.mark.needs_root
async def test_tasks_are_listed_and_others_cannot_be_seen(ana: AsyncClient, ben: AsyncClient) -> None:
    """Each has its result as text that holds JSON."""
    compute = await ana.compute(MACHINE)
    job = await compute.submit_job(HEAD + "true\n")
    tasks = (await ana.get("tasks")).json()["tasks"]
    mine = next(task for task in tasks if job.jobid in (task["result"] or ""))
    with pytest.raises(Exception, match="404"):
        await ben.get(f"tasks/{mine['id']}")

    assert ("completed", {"status": "ok", "jobid": job.jobid, "error": None}) == (
        mine["status"], json.loads(mine["result"])
    )  # fmt: skip


async def test_data_is_brought_from_tier_to_tier(ana: AsyncClient, site: Site) -> None:
    """The client follows it as it would a Globus transfer."""
    compute = await ana.compute(MACHINE)
    await compute.run("mkdir -p ~/scratch/run ~/archive && echo counts > ~/scratch/run/frames")
    globus = await ana.storage.globus()
    home = site.home(site.ana)
    transfer = await globus.start_transfer("scratch", "archive", home / "scratch" / "run", f"{home}/archive/")
    status = await transfer.complete(timeout=60)
    again = await globus.transfer(transfer.transfer_id)

    assert ("SUCCEEDED", "SUCCEEDED") == (status.value, again.globus_status.value)
    assert "counts\n" == (home / "archive" / "run" / "frames").read_text()
    assert len("counts\n") == again.bytes_transferred
