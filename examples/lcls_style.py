"""A run of a light source, analysed while the next one is taken: stage, submit in the realtime QOS, be called back.

    python lcls_style.py --facility http://127.0.0.1:8400 --token-url http://127.0.0.1:8401/identity/token \
        --key api.key --run run.bin --reservation ncem-tonight --account ncem --acquisition 120 --share 0.5

Nobody is at the keyboard: every step is judged, and the exit status is 0 only when the results were here before the
deadline, which is `--share` of the time that one run takes to acquire. What `sfapi_client` offers is done with it,
against any Superfacility API; reservations, transfers and callbacks with beamside's client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from sfapi_client import AsyncClient
from sfapi_client.compute import Machine
from standardwebhooks import Webhook, WebhookVerificationError

from facility.client import FacilityClient
from facility.key_token import Key, KeyToken, load_key

NODES, WALLTIME = 1, timedelta(minutes=5)
ANALYSIS = r"""#!/bin/sh
#SBATCH --nodes=1 --time=5 --qos=realtime
# $1: the staged run, $2: where the result goes. Counts how often each detector value occurs.
exec /usr/bin/env python3 - "$1" "$2" <<'PYTHON'
import collections, json, os, sys
raw = open(sys.argv[1], "rb").read()
counts = collections.Counter(raw)
found = {"bytes": len(raw), "values": len(counts), "brightest": max(counts), "where": os.environ["SLURM_JOB_NODELIST"]}
with open(sys.argv[2] + ".part", "w") as file:
    json.dump(found, file)
os.rename(sys.argv[2] + ".part", sys.argv[2])
PYTHON
"""


class Deadline:
    """The time that is left, and a line for each step."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self.seconds = seconds

    @property
    def left(self) -> float:
        """Seconds until the results must be here."""
        return self.seconds - (time.monotonic() - self._began)

    def say(self, words: str) -> None:
        """Tell a step with its time."""
        print(f"{self.seconds - self.left:6.1f} s  {words}", flush=True)


@asynccontextmanager
async def called_back(client: FacilityClient) -> AsyncIterator[asyncio.Queue[dict]]:
    """What the facility tells of jobs while the block lasts, each word of it verified."""
    told: asyncio.Queue[dict] = asyncio.Queue()
    subscription = None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        try:
            told.put_nowait(Webhook(subscription.secret).verify(body, headers))
            status = "204 No Content"
        except (WebhookVerificationError, AttributeError):
            status = "401 Unauthorized"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        subscription = await client.subscribe(
            f"http://127.0.0.1:{port}/", ["job.running", "job.completed", "job.failed", "job.cancelled", "job.timeout"]
        )
        yield told
    finally:
        if subscription:
            await client.unsubscribe(subscription.id)
        server.close()


async def check_facility(compute, deadline: Deadline) -> None:
    """Go on only where the machine is up, and no outage begins before the deadline."""
    if compute.status.value not in {"active", "degraded"}:
        raise SystemExit(f"{compute.name} is {compute.status.value}: the run stays where it is")
    planned = await compute.planned_outages()
    soon = [outage for outage in planned if outage.start_at.timestamp() < time.time() + deadline.left]
    if soon:
        raise SystemExit(f"{soon[0].description or 'an outage'} begins at {soon[0].start_at}, before the deadline")
    deadline.say(f"{compute.name} is {compute.status.value}; no outage before the deadline")


async def stage(client: FacilityClient, run: Path, deadline: Deadline) -> str:
    """The run on the machine's scratch, checked; its path there."""
    tiers = {tier.name: tier.path for tier in await client.tiers()}
    started = await client.start_transfer(
        ("community", str(run)), ("scratch", run.name), label=f"run {run.name}", key=f"stage {run.name}"
    )
    done = await client.wait_transfer(started, deadline.left)
    if done.state != "SUCCEEDED":
        raise SystemExit(f"{run.name} could not be staged: {done.reason}")
    deadline.say(f"{done.bytes_transferred} bytes staged to scratch, checksums compared")
    return f"{tiers['scratch']}/{run.name}"


async def wait_result(told: asyncio.Queue[dict], job_id: str, deadline: Deadline) -> None:
    """Wait to be called back about the job's end; nothing is asked meanwhile."""
    while True:
        async with asyncio.timeout(max(deadline.left, 0)):
            event = await told.get()
        if event["data"].get("id") != job_id:
            continue
        deadline.say(f"called back: {event['type']}")
        if event["type"] == "job.completed":
            return
        if event["type"] != "job.running":
            raise SystemExit(f"job {job_id}: {event['type']} {event['data'].get('reason', '')}")


async def analyse(chosen: argparse.Namespace, key: Key) -> dict:
    """All steps; the result."""
    deadline = Deadline(chosen.acquisition * chosen.share)
    ours = FacilityClient(chosen.facility, KeyToken(key, chosen.token_url))
    theirs = AsyncClient(
        key=chosen.key, api_base_url=f"{chosen.facility}/api/v1.2", token_url=chosen.token_url, wait_interval=1
    )
    async with ours, theirs, called_back(ours) as told:
        compute = await theirs.compute(Machine(chosen.machine))
        await check_facility(compute, deadline)
        staged = await stage(ours, chosen.run, deadline)
        reservation = await ours.reservation(chosen.reservation)
        if not reservation.admits:
            raise SystemExit(f"{chosen.reservation}: {reservation.why_not}")
        fit = await ours.fit(chosen.reservation, NODES, WALLTIME)
        if not fit.fits:
            raise SystemExit(f"{chosen.reservation}: {fit.words}")
        deadline.say(f"{chosen.reservation}: {fit.words}")
        options = f"#SBATCH --account={chosen.account} --reservation={chosen.reservation} --output={staged}.log\n"
        shebang, rest = ANALYSIS.split("\n", 1)
        [folder] = await compute.ls(str(Path(staged).parent), directory=True)
        script = await (folder / f"{chosen.run.name}.sh").upload(BytesIO(f"{shebang}\n{options}{rest}".encode()))
        job = await compute.submit_job(script, args=[staged, f"{staged}.json"])
        deadline.say(f"job {job.jobid} in the realtime QOS")
        await wait_result(told, str(job.jobid), deadline)
        [there] = await compute.ls(f"{staged}.json")
        found = json.loads((await there.download()).read())
    if found["bytes"] != chosen.run.stat().st_size:
        raise SystemExit(f"the analysis saw {found['bytes']} bytes, the run has {chosen.run.stat().st_size}")
    if deadline.left < 0:
        raise SystemExit(f"the results came {-deadline.left:.1f} s too late")
    used = (deadline.seconds - deadline.left) / chosen.acquisition
    deadline.say(f"results after {used:.0%} of the acquisition time (allowed: {chosen.share:.0%})")
    return found


def main() -> int:
    """Read the command line, analyse one run, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facility", required=True, help="the facility service")
    parser.add_argument("--token-url", required=True, help="its token endpoint")
    parser.add_argument("--key", required=True, type=Path, help="your API client's key file")
    parser.add_argument("--machine", default="perlmutter", help="as the Superfacility API calls it")
    parser.add_argument("--run", required=True, type=Path, help="the run's file, in the community tier")
    parser.add_argument("--reservation", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--acquisition", type=float, required=True, help="seconds that one run takes to acquire")
    parser.add_argument("--share", type=float, default=0.5, help="of the acquisition time; the deadline")
    chosen = parser.parse_args()
    print(json.dumps(asyncio.run(analyse(chosen, load_key(chosen.key)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
