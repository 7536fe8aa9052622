"""A night of a detector that never stops: quality check, archive, copy to a second site, around planned maintenance.

    python lz_style.py --facility http://127.0.0.1:8400 --token-url http://127.0.0.1:8401/identity/token \
        --key api.key --data night-17 --account als

Nobody is awake: what is planned stands in the output, what fails ends the run with a message and a status, and
running it again does nothing twice. What `sfapi_client` offers is done with it, against any Superfacility API;
transfers and events with beamside's client.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sys
from io import BytesIO
from pathlib import Path, PurePosixPath

from sfapi_client import AsyncClient
from sfapi_client.compute import Machine

from facility.client import FacilityClient
from facility.feed import JobFeed
from facility.key_token import Key, KeyToken, load_key
from facility.models import Job, JobState

PATIENCE = 24 * 3600  # seconds to wait for the check, and for each copy
CHECK = r"""#!/bin/sh
#SBATCH --nodes=1 --qos=regular
# $1: the night's folder. Every file must be there whole: its size is in the manifest that the detector wrote.
exec /usr/bin/env python3 - "$1" <<'PYTHON'
import json, os, sys
folder = sys.argv[1]
manifest = json.load(open(os.path.join(folder, "manifest.json")))
wrong = [name for name, size in manifest.items() if os.path.getsize(os.path.join(folder, name)) != size]
with open(os.path.join(folder, "quality.json"), "w") as file:
    json.dump({"files": len(manifest), "wrong": wrong}, file)
sys.exit(bool(wrong))
PYTHON
"""


def say(words: str) -> None:
    """Tell a step with the time of day."""
    print(f"{datetime.datetime.now(datetime.UTC):%H:%M:%S}  {words}", flush=True)


async def plan_start(compute, minutes: int) -> datetime.datetime | None:
    """When the check may begin: None for now, else the end of the maintenance that it would run into."""
    start = now = datetime.datetime.now(datetime.UTC)
    length = datetime.timedelta(minutes=minutes)
    for outage in sorted(await compute.planned_outages(), key=lambda outage: outage.start_at):
        if outage.start_at < start + length and outage.end_at > start:
            say(f"{outage.description or outage.name}: {outage.start_at:%H:%M} to {outage.end_at:%H:%M} UTC")
            start = outage.end_at
    say("the check may begin now" if start == now else f"the check begins after that, at {start:%Y-%m-%d %H:%M} UTC")
    return None if start == now else start


async def check(ours: FacilityClient, compute, folder: str, account: str, minutes: int) -> None:
    """The quality check as a batch job; wait until the facility tells how it ended."""
    begin = await plan_start(compute, minutes)
    options = f"#SBATCH --account={account} --time={minutes} --output={folder}.check.log\n"
    if begin:  # told as a span: a time of day would be read in the cluster's zone
        wait = begin - datetime.datetime.now(datetime.UTC)
        options += f"#SBATCH --begin=now+{max(int(wait.total_seconds()), 0) + 1}\n"
    shebang, rest = CHECK.split("\n", 1)
    [place] = await compute.ls(str(PurePosixPath(folder).parent), directory=True)
    script = await (place / f"{PurePosixPath(folder).name}.sh").upload(BytesIO(f"{shebang}\n{options}{rest}".encode()))
    async with JobFeed(ours) as feed:
        await feed.wait_connected()
        job = await compute.submit_job(script, args=[folder])
        say(f"check submitted as job {job.jobid}")
        async with asyncio.timeout(PATIENCE):
            ended = await wait_end(feed, str(job.jobid))
    say(f"job {ended.id}: {ended.state} {ended.exit_code}")
    if ended.state is not JobState.COMPLETED:
        raise SystemExit(f"the check of {folder} ended as {ended.state}; look at {folder}.check.log")


async def wait_end(feed: JobFeed, job_id: str) -> Job:
    """The job once it has ended, told by the facility as it happens."""
    known = feed.latest(job_id)
    if known and known.state.is_final:
        return known
    async for change in feed.listen():
        if change.job_id == job_id and change.job and change.job.state.is_final:
            return change.job
    raise SystemExit("the facility tells nothing any more; run this again")


async def copy(ours: FacilityClient, name: str, source: str, destination: str) -> None:
    """One verified copy of the night from tier to tier; the same key again is the same copy."""
    started = await ours.start_transfer(
        (source, name), (destination, name), label=f"{name} to {destination}", key=f"{name} to {destination}"
    )
    done = await ours.wait_transfer(started, PATIENCE)
    if done.state != "SUCCEEDED":
        raise SystemExit(f"{name} was not copied to {destination}: {done.reason}")
    say(f"{done.files_verified} files, {done.bytes_transferred} bytes in {destination}, every checksum compared")


async def run(chosen: argparse.Namespace, key: Key) -> None:
    """Check, archive, copy."""
    ours = FacilityClient(chosen.facility, KeyToken(key, chosen.token_url))
    theirs = AsyncClient(
        key=chosen.key, api_base_url=f"{chosen.facility}/api/v1.2", token_url=chosen.token_url, wait_interval=1
    )
    async with ours, theirs:
        compute = await theirs.compute(Machine(chosen.machine))
        scratch = next(tier.path for tier in await ours.tiers() if tier.name == "scratch")
        folder = str(PurePosixPath(scratch, chosen.data))
        await check(ours, compute, folder, chosen.account, chosen.minutes)
        [found] = await compute.ls(f"{folder}/quality.json")
        say(f"quality: {(await found.download()).read()}")
        for destination in ("archive", "second-site"):
            await copy(ours, chosen.data, "scratch", destination)


def main() -> int:
    """Read the command line, and carry one night through."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facility", required=True, help="the facility service")
    parser.add_argument("--token-url", required=True, help="its token endpoint")
    parser.add_argument("--key", required=True, type=Path, help="your API client's key file")
    parser.add_argument("--machine", default="perlmutter", help="as the Superfacility API calls it")
    parser.add_argument("--data", required=True, help="the night's folder in the scratch tier")
    parser.add_argument("--account", required=True)
    parser.add_argument("--minutes", type=int, default=10, help="that the check may take")
    chosen = parser.parse_args()
    asyncio.run(run(chosen, load_key(chosen.key)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
