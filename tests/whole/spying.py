"""What a colleague on the same machine gets while ana works, and what of hers must not be in it."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def spied(prefix: Path, jobs: list[str], accounts: dict[str, str]) -> dict[str, Any]:
    """What ben got while `jobs` run, and what of ana's he must not have; `accounts`: who people are on this machine."""
    held = secrets_of(prefix, accounts["ana"])
    told = spy_as(accounts["ben"], prefix, jobs, accounts["ana"])
    uid = pwd.getpwnam(accounts["ana"]).pw_uid
    return told | {"secrets": held, "hers": [port for port, owner in told["owners"].items() if owner == uid]}


def wait_for_cluster(output: Path, tour: subprocess.Popen[str]) -> list[str]:
    """The jobs of server and cluster, once the tour has both running."""
    record = output / "tour.json"
    while tour.poll() is None:
        steps = json.loads(record.read_text(encoding="utf-8"))["steps"] if record.exists() else []
        assert [] == [step for step in steps if not step["held"]]  # each is told when it has ended
        jobs = [step["facts"]["job"] for step in steps if "job" in step["facts"]]
        if any("MPICluster" in step["name"] for step in steps):
            return sorted(set(jobs))
        time.sleep(0.2)  # a file changes: there is nothing else to wait for
    raise AssertionError(f"the tour ended before the cluster ran: {tour.communicate()[0]}")


def secrets_of(prefix: Path, ana: str) -> set[str]:
    """Every password, token and key of the demonstration and of ana's processes, as root reads them."""
    places = [prefix / "state" / kind for kind in ("secrets", "hub", "keys", "identity")]
    places += [Path(pwd.getpwnam(ana).pw_dir, ".local", "state", "beamside")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    words = {path.read_text(encoding="utf-8", errors="ignore") for path in files if is_secret(path)}
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = environ.read_text(errors="ignore").split("\0")
        except OSError:
            continue
        words |= {part for part in environment if part.startswith("JUPYTERHUB_API_TOKEN=")}
    values = {line.rpartition("=")[2].strip() for text in words for line in text.splitlines() if "-----" not in line}
    return {value for value in values if len(value) >= 16}


def is_secret(path: Path) -> bool:
    """Whether a file holds nothing but a secret."""
    return path.suffix in {".password", ".token", ".key", ".secret", ".pem"} or path.parent.name == "claims"


def spy_as(ben: str, prefix: Path, jobs: list[str], ana: str) -> dict[str, Any]:
    """Run the spy as ben, from its own text: he need not be able to read this clone."""
    account = pwd.getpwnam(ben)
    services = ("hub", "facility", "identity", "home")
    names = [ana, "slurm", *(f"{ana.removesuffix('ana')}beamside-{service}" for service in services)]
    owners = [pwd.getpwnam(name).pw_uid for name in names]
    folders = {str(prefix / "state"): [], pwd.getpwnam(ana).pw_dir: []}
    folders |= dict.fromkeys(("/tmp", "/var/tmp", "/dev/shm", "/run"), owners)
    program = Path(__file__).with_name("spy.py").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"folders": folders, "jobs": jobs, "uids": owners}),
        capture_output=True, text=True, cwd="/", timeout=240, check=False,
        user=account.pw_uid, group=account.pw_gid, extra_groups=[],
        env={"PATH": os.defpath, "SLURM_CONF": str(prefix / "state/slurm/etc/slurm.conf"), "HOME": account.pw_dir},
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"owners": {int(port): uid for port, uid in found["owners"].items()}}
