"""How fast the facility service answers: against a bare FastAPI application on the same server, in the same run.

    python benchmarks/facility_requests.py [--tasks 100000] [--seconds 20]

Run it as root. A real Slurm holds an array of `--tasks` waiting tasks of one person and a few jobs of another. The
service and the bare application run as processes of that other person, one worker each. Printed are:

- requests per second of the server's own processor time, which other work on the machine disturbs little, for a
  request that needs no Slurm (who am I, signed), and the same of the bare application, which checks nothing;
- the latency that a client sees one request after the other (median);
- the latency of "my jobs" at 200 requests a second, fresh ones and those with an ETag (median and 95 %);
- what the service asked of Slurm's controller meanwhile, as sdiag counts it;

and at the end the figures with goals. The service looks at the queue all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from goal import Goal, people, processor_seconds, show_machine
from goal.line import at_a_rate, one_by_one

from beamside.demo.layout import default_prefix
from beamside.demo.slurm.cluster import SlurmCluster
from facility.key_token import Key, KeyToken
from facility.testing import free_port

RATE = 200  # requests a second
BARE = """
import sys
import uvicorn
from fastapi import FastAPI

app = FastAPI()

@app.get("/me")
async def me() -> dict[str, str]:
    return {"user": "ana"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning", ws="none")
"""
PROFILE = """
name = "Benchmark"
[service]
url = "http://127.0.0.1:{port}"
[systems.bench]
title = "Benchmark"
slurm_conf = "{conf}"
"""


@contextmanager
def serving(argv: list[str], url: str, environment: dict[str, str], user: str) -> Iterator[int]:
    """A server process of `user` that answers at `url`; its pid."""
    with subprocess.Popen(
        argv, env={**os.environ, **environment}, stderr=subprocess.DEVNULL, user=user, cwd="/"
    ) as process:
        try:
            for _ in range(300):
                try:
                    httpx.get(url, trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def questions_of(cluster: SlurmCluster, person: str) -> int:
    """What Slurm's controller has been asked by `person`, in RPCs, by its own count."""
    told = cluster.run("sdiag").partition("statistics by user")[2]
    found = re.search(rf"^\s*{re.escape(person)}\s+\(\s*\d+\)\s+count:(\d+)", told, re.MULTILINE)
    return int(found[1]) if found else 0


async def who_am_i(url: str, path: str, headers: dict[str, str], pid: int, seconds: float) -> tuple[float, float]:
    """Median latency in ms, and requests per second of the server's processor time."""
    used = processor_seconds(pid)
    taken = await one_by_one(url, path, headers, seconds)
    return statistics.median(taken), len(taken) / (processor_seconds(pid) - used)


async def measure(
    url: str, token: KeyToken, bare_url: str, pids: tuple[int, int], seconds: float, asked: Callable[[], int]
) -> list[Goal]:
    """Ask, print, and give the figures with goals. `asked` counts the scheduler's RPCs."""
    headers = {"Authorization": f"Bearer {await token()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        while (await client.get("/jobs")).is_error:  # noqa: ASYNC110 - the first look at the queue tells nobody
            await asyncio.sleep(0.5)
        reply = await client.get("/jobs")
    print(f"my jobs: {len(reply.json()['jobs'])} of the queue's, {len(reply.content)} bytes")
    began, before = time.monotonic(), asked()
    ours = await who_am_i(url, "/identity/me", headers, pids[0], seconds)
    theirs = await who_am_i(bare_url, "/me", {}, pids[1], seconds)
    for name, (median, rate) in (("who am I", ours), ("bare FastAPI", theirs)):
        print(f"{name:24} {median:6.2f} ms   {rate:7.0f} requests per second of processor time")
    print(f"ratio: {ours[0] / theirs[0]:.1f} x the latency, {theirs[1] / ours[1]:.1f} x the processor time", flush=True)
    late = []
    for name, extra in (("my jobs", {}), ("my jobs, unchanged", {"If-None-Match": reply.headers["ETag"]})):
        taken = await at_a_rate(url, "/jobs", headers | extra, RATE, seconds)
        late.append(taken[int(len(taken) * 0.95)])
        print(f"{name:24} {statistics.median(taken):6.2f} ms median, {late[-1]:.2f} ms 95 %", flush=True)
    a_second = (asked() - before) / (time.monotonic() - began)
    return [
        Goal("who am I: median latency", ours[0], "ms", most=5),
        Goal("who am I: requests a second of one core", ours[1], "/s", least=500),
        Goal(f"my jobs, {RATE} a second: 95 % within", late[0], "ms", most=100),
        Goal("RPCs in the background, by sdiag", a_second, "/s", most=0.5),
    ]


def main() -> None:
    """Bring everything up, measure, take it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    if os.geteuid() != 0:
        parser.exit(0, "not measured: two people's jobs are needed, so this runs as root only\n")
    with tempfile.TemporaryDirectory(prefix="beamside-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = SlurmCluster(folder / "slurm", people=people(), prefix=default_prefix())
        cluster.up()
        try:
            show_machine()
            print(f"{chosen.tasks} waiting tasks", flush=True)
            ana, ben = cluster.people.ana, cluster.people.ben
            options, script = ("--hold", "--output=/dev/null", "--chdir=/tmp"), "#!/bin/sh\ntrue\n"
            cluster.run("sbatch", *options, "-Ancem", f"--array=1-{chosen.tasks}", user=ana, words=script)
            for _ in range(10):
                cluster.run("sbatch", *options, "-Aals", user=ben, words=script)
            for goal in _measure(folder, cluster, ben, chosen.seconds):
                goal.show()
        finally:
            cluster.down()


def _measure(folder: Path, cluster: SlurmCluster, person: str, seconds: float) -> list[Goal]:
    port, bare = free_port(), free_port()
    profile, state = folder / "facility.toml", folder / "state"
    profile.write_text(PROFILE.format(port=port, conf=cluster.conf), encoding="utf-8")
    key = generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "key.pub").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    service = [sys.executable, "-m", "facility.service", f"--profile={profile}", f"--state={state}"]
    owner = ["--id", "benchmarkkey1", "--owner", person, "--public-key", str(folder / "key.pub")]
    state.mkdir(mode=0o700)
    shutil.chown(state, person, person)
    subprocess.run([*service, "client", *owner], check=True, user=person, cwd="/")
    url, bare_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare}"
    with (
        serving(service, f"{url}/health", cluster.environment, person) as ours,
        serving([sys.executable, "-c", BARE, str(bare)], f"{bare_url}/me", {}, person) as theirs,
    ):
        token = KeyToken(Key("benchmarkkey1", key), f"{url}/identity/token")
        asked = partial(questions_of, cluster, person)
        return asyncio.run(measure(url, token, bare_url, (ours, theirs), seconds, asked))


if __name__ == "__main__":
    main()
