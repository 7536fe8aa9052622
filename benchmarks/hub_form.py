"""How fast the spawn form begins to come, with many people known to the hub, and with Slurm away.

    python benchmarks/hub_form.py [--users 10000] [--requests 200]

A real hub with its proxy, facility service, OpenID provider and Slurm; `--users` people are written into the hub's own
database before it starts. One of them signs in and asks for the form through the proxy, one request after the other.
Printed is the time to the first byte (median and 95 %):

- of JupyterHub's own token page, which asks nobody: what the hub, its proxy and its database cost by themselves;
- of the form, with everything well;
- of the form, with slurmctld stopped;
- of what an open form asks every ten seconds, where nothing changed.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from goal import Goal, show_machine
from hub_bench.slurm import a_slurm

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hub at work that the tests bring up

from tests.hub_ext.conftest import HubAtWork, hub_at_work


def add_users(database: Path, count: int) -> None:
    """People who signed in once, as JupyterHub writes them, each with the role of every user."""
    with sqlite3.connect(database) as hub:
        (role,) = hub.execute("SELECT id FROM roles WHERE name = 'user'").fetchone()
        hub.executemany(
            "INSERT INTO users (name, admin, created, cookie_id) VALUES (?, 0, datetime('now'), ?)",
            ((f"person{number}", f"cookie{number}") for number in range(count)),
        )
        hub.execute(
            "INSERT INTO user_role_map (user_id, role_id, managed_by_auth) "
            "SELECT id, ?, 0 FROM users WHERE name LIKE 'person%'",
            (role,),
        )
    hub.close()


@contextmanager
def signed_in(work: HubAtWork) -> Iterator[httpx.Client]:
    """A browser in which the hub's one person is signed in."""
    with httpx.Client(base_url=work.plan.hub_url, trust_env=False, timeout=60, follow_redirects=True) as client:
        page = client.get("/hub/oauth_login")
        password = work.layout.password("ana").read_text(encoding="utf-8").strip()
        client.post(page.url, data={"login": "ana", "password": password}).raise_for_status()
        yield client


def first_bytes(client: httpx.Client, path: str, count: int, **headers: str) -> list[float]:
    """Milliseconds from each request to the first byte of its answer's body, or to its end where it has none."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        with client.stream("GET", path, headers=headers) as answer:
            body = answer.iter_raw()
            next(body, b"")
            found.append((time.perf_counter() - began) * 1000)
            list(body)  # so that the connection can be used again
    return found


def show(what: str, times: list[float]) -> tuple[float, float]:
    """Print median and 95 %."""
    median, most = statistics.median(times), statistics.quantiles(times, n=20)[18]
    print(f"{what:58} median {median:7.1f} ms   95 % {most:7.1f} ms   ({len(times)} requests)", flush=True)
    return median, most


def measure(work: HubAtWork, count: int) -> None:
    """Every figure, and at the end those with goals."""
    with signed_in(work) as client:
        form = client.get("/hub/spawn").text
        token = re.search(r'data-xsrf="([^"]+)"', form)
        assert token is not None, "no form came"
        asks = {"X-XSRFToken": token[1], "Sec-Fetch-Mode": "cors"}
        own, _ = show("JupyterHub's own token page", first_bytes(client, "/hub/token", count))
        median, well = show("the form, all well", first_bytes(client, "/hub/spawn", count))
        tag = client.get("/hub/api/beamside/form", headers=asks).headers["ETag"]
        live = first_bytes(client, "/hub/api/beamside/form", count, **asks, **{"If-None-Match": tag})
        show("what an open form asks", live)
        work.stop_slurm_controller()
        _, away = show("the form, slurmctld stopped", first_bytes(client, "/hub/spawn", count))
    Goal("form, all well, 95 %", well, "ms", most=300).show()
    Goal("form, slurmctld stopped, 95 %", away, "ms", most=100).show()
    print(f"the form takes {median / own:.1f} times JupyterHub's own token page (medians)", flush=True)


def main() -> None:
    """Bring everything up, fill the hub, measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=200)
    asked = parser.parse_args()
    show_machine()
    with a_slurm() as slurm, hub_at_work(slurm) as work:
        work.kill("hub")
        add_users(work.folder / "hub.sqlite", asked.users)
        began = time.monotonic()
        work.start("hub")
        work.wait_up()
        print(f"{asked.users} people; the hub answers {time.monotonic() - began:.1f} s after its start", flush=True)
        measure(work, asked.requests)


if __name__ == "__main__":
    main()
