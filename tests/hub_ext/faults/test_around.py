"""What stands around a hub fails: its proxy, and what it wrote down itself."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def test_a_proxy_that_was_killed_is_told_its_routes_again(hub: HubAtWork) -> None:
    """A proxy that a service manager starts anew knows no way to any server; within seconds it does, same job."""
    hub.begin()
    job = hub.wait_serving(seconds=120)

    hub.kill("proxy")
    hub.start("proxy")

    assert job == hub.wait_serving(seconds=120)
    assert hub.server()["ready"]


def test_a_damaged_record_ends_neither_its_own_server_nor_the_hub(hub: HubAtWork) -> None:
    """What one server was asked for can no longer be read: hub, that server and the others go on, and it is stopped."""
    hub.begin(server="sound")
    jobs = {"sound": hub.wait_serving(seconds=120, name="sound")}
    hub.begin()
    jobs[""] = hub.wait_serving(seconds=120)
    hub.kill("hub")
    with sqlite3.connect(hub.folder / "intents.sqlite") as database:
        database.execute("UPDATE intents SET request = '{' WHERE job_id = ?", (jobs[""],))
    database.close()

    hub.start("hub")
    hub.wait_up()

    assert jobs == {name: hub.wait_serving(seconds=120, name=name) for name in jobs}
    assert all(hub.server(name)["ready"] for name in jobs)
    hub.api("DELETE", f"/users/{hub.user}/servers/sound", {"remove": True})
    hub.api("DELETE", f"/users/{hub.user}/server")
    hub.wait_no_job()
