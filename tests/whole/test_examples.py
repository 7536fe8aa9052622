"""The examples for pipelines, word for word, against the running demonstration: nobody at the keyboard."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.tour.tour import examples
from tests.whole.conftest import Demo

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def ana(demo: Demo) -> dict[str, Any]:
    """What the demonstration tells of ana."""
    return next(user for user in demo.status()["users"] if user["name"] == "ana")


def run(demo: Demo, ana: dict[str, Any], example: str, *options: str) -> subprocess.CompletedProcess[str]:
    """One example as ana, with her own key and nothing else of ours in the environment."""
    urls = demo.status()["urls"]
    home = pwd.getpwnam(ana["account"]).pw_dir
    where = [f"--facility={urls['facility']}", f"--token-url={urls['token']}", f"--key={ana['api_client']['key_path']}"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(examples() / example), *where, *options],
        env={"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **({"user": ana["account"]} if os.geteuid() == 0 else {}),
    )
    print(done.stdout, done.stderr)
    return done


def place(ana: dict[str, Any], tier: Path, name: str, contents: bytes) -> Path:
    """A file of ana's."""
    path = tier / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(contents)
    if os.geteuid() == 0:
        account = pwd.getpwnam(ana["account"])
        for each in (path.parent, path):
            os.chown(each, account.pw_uid, account.pw_gid)
    return path


def tier(demo: Demo, ana: dict[str, Any], name: str) -> Path:
    """Ana's directory in one of the demonstration's tiers."""
    return demo.prefix / "state" / "tiers" / name / str(ana["account"])


def planned(demo: Demo) -> str:
    """The outages that the facility knows of: it looks at reservations every half minute."""
    return httpx.get(f"{demo.status()['urls']['sfapi']}/status/outages/planned", trust_env=False).text


@pytest.mark.slurm
def test_a_run_is_analysed_before_its_deadline(demo: Demo, ana: dict[str, Any]) -> None:
    """Staged, submitted into the reservation, called back, fetched: within the share of the acquisition time."""
    contents = bytes(range(256)) * 4096
    path = place(ana, tier(demo, ana, "community"), "run-17.bin", contents)
    options = ("--reservation=ncem-tonight", "--account=ncem", "--acquisition=240", "--share=0.5")
    done = run(demo, ana, "lcls_style.py", f"--run={path}", *options)

    assert 0 == done.returncode
    assert (len(contents), 256) == tuple(json.loads(done.stdout.splitlines()[-1])[part] for part in ("bytes", "values"))
    assert "called back: job.completed" in done.stdout


@pytest.mark.slurm
def test_a_run_that_cannot_be_in_time_says_so(demo: Demo, ana: dict[str, Any]) -> None:
    """Unattended means: a status that tells, not a result that comes too late."""
    path = place(ana, tier(demo, ana, "community"), "run-18.bin", b"x")
    options = ("--reservation=staff-now", "--account=ncem", "--acquisition=240")
    done = run(demo, ana, "lcls_style.py", f"--run={path}", *options)

    assert 1 == done.returncode
    assert "staff-now" in done.stderr


@pytest.mark.slurm
def test_a_night_goes_around_maintenance_into_the_archive_and_abroad(demo: Demo, ana: dict[str, Any]) -> None:
    """The check begins when the maintenance ends; every checksum is compared twice; nothing is done twice."""
    state = demo.prefix / "state"
    slurm = SlurmCluster(state / "slurm", prefix=demo.prefix)
    window = ("StartTime=now+75", "EndTime=now+80", "Nodes=ALL", "Flags=MAINT,IGNORE_JOBS", f"Users={ana['account']}")
    slurm.run("scontrol", "create", "reservation", "ReservationName=new-valves", *window)
    wait_until(lambda: "new-valves" in planned(demo), seconds=60, otherwise=lambda: f"no maintenance: {planned(demo)}")
    night = {"a.dat": b"a" * 70_000, "b.dat": b"b" * 50_000}
    scratch = Path(ana["scratch"]) / "night-17"
    manifest = {name: len(contents) for name, contents in night.items()}
    for name, contents in (night | {"manifest.json": json.dumps(manifest).encode()}).items():
        place(ana, scratch, name, contents)
    first = run(demo, ana, "lz_style.py", "--data=night-17", "--account=als", "--minutes=2")
    copies = [tier(demo, ana, name) / "night-17" for name in ("archive", "second-site")]

    assert 0 == first.returncode
    assert "after that" in first.stdout
    assert all((copy / name).read_bytes() == contents for copy in copies for name, contents in night.items())
    assert 2 == first.stdout.count("every checksum compared")
