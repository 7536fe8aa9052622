"""What can become of what a hub keeps on its disk, and of what is sent to be kept there."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from contextlib import closing

import httpx

from hubs.seen import PATIENCE, seen, served, serving, settle, told
from tests.hub_ext.conftest import HubAtWork, identity


def full(hub: HubAtWork) -> str:
    """For ten seconds no file can grow, which is what a full disk is; Start is pressed, and again with room.

    A limit on the length of files stands for the disk: it takes effect for the hub alone.
    """
    hub.begin(server="before")
    hub.wait_serving(60, "before")
    jobs = len(hub.jobs())
    limit_files(hub, "4096")
    reply = hub.ask_to_start()
    time.sleep(10)
    new = len(hub.jobs()) - jobs
    limit_files(hub, "unlimited")
    again = f"{told(hub.ask_to_start())}, {settle(hub, lambda: serving(hub))}"
    return f"{told(reply)}; new jobs: {new}. With room again: {again}"


def limit_files(hub: HubAtWork, size: str) -> None:
    """No file that the hub's process writes may be longer; its own user may say so."""
    argv = ["prlimit", f"--pid={hub.processes['hub'].pid}", f"--fsize={size}:"]
    subprocess.run(argv, check=True, timeout=30, **identity(hub.user))


def second_hub(hub: HubAtWork) -> str:
    """The same configuration is run once more, on another port."""
    job = served(hub)
    try:
        ended = hub.run_second()
    except subprocess.TimeoutExpired:
        return f"it runs beside the first; {seen(hub)}"
    word = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"it ends with {ended.returncode} and “{word[:200]}”; job {job}: {seen(hub)}"


def damaged(hub: HubAtWork) -> str:
    """What the hub wrote down of the server is cut short; then the hub is killed and started again."""
    served(hub)
    hub.kill("hub")
    own = hub.folder / "intents.sqlite"
    with closing(sqlite3.connect(own if own.exists() else hub.folder / "hub.sqlite")) as database, database:
        if own.exists():
            database.execute('UPDATE intents SET request = \'{"partition": "deb\' WHERE closed IS NULL')
        else:
            database.execute('UPDATE spawners SET state = \'{"job_id": "1\' WHERE state IS NOT NULL')
    hub.start("hub")
    process, until = hub.processes["hub"], time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None and not has_begun(hub):
        time.sleep(0.2)
    if has_begun(hub):
        return settle(hub, lambda: serving(hub))
    ended = "does not answer" if process.poll() is None else f"ends with {process.returncode}"
    return f"the hub {ended} as it starts; jobs in Slurm: {len(hub.jobs())}"


def has_begun(hub: HubAtWork) -> bool:
    """Whether the hub answers."""
    with contextlib.suppress(httpx.HTTPError):
        return hub.api("GET", "").is_success
    return False


def huge_options(hub: HubAtWork) -> str:
    """Options without end are sent by REST."""
    began = time.monotonic()
    reply = hub.ask_to_start({"note": "x" * 2_000_000})
    return f"{told(reply)} after {time.monotonic() - began:.0f} s; {seen(hub)}"
