"""The hub learns from the proxy who uses a server, as JupyterHub does, and cheaply."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hub_ext import activity
from hub_ext.activity import update_last_activity

BEFORE = datetime(2026, 11, 23, 10, 0)
"""In UTC without a zone, as JupyterHub's database holds it."""
LATER = "2026-11-23T12:00:00.000Z"


@dataclass
class Database:
    """Counts what is written down; refuses while `full`."""

    commits: int = 0
    rollbacks: int = 0
    full: bool = False

    def commit(self) -> None:
        """See SQLAlchemy's Session."""
        if self.full:
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        self.commits += 1

    def rollback(self) -> None:
        """See SQLAlchemy's Session."""
        self.rollbacks += 1


@dataclass
class Hub:
    """As much of JupyterHub as is asked: people with servers, and a proxy that tells of their activity."""

    people: dict[str, list[str]]
    active: str = LATER
    db: Database = field(default_factory=Database)
    checked: int = 0
    _service_map: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.users = {number: self._user(name) for number, name in enumerate(self.people)}
        self.proxy = self

    def _user(self, name: str) -> SimpleNamespace:
        user = SimpleNamespace(name=name, orm_user=SimpleNamespace(last_activity=None), spawners={})
        for server in self.people[name]:
            known = SimpleNamespace(last_activity=BEFORE)
            user.spawners[server] = SimpleNamespace(user=user, orm_spawner=known, ready=server != "asleep")
        return user

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """What the proxy tells."""
        told = {"last_activity": self.active} if self.active else {}
        routes: dict[str, dict[str, Any]] = {"/": {"data": {"hub": True}}}
        for name, servers in self.people.items():
            for server in servers:
                routes[f"/user/{name}/{server}"] = {"data": {"user": name, "server_name": server, **told}}
        return routes

    async def check_routes(self, *_: object) -> None:
        """See JupyterHub's Proxy."""
        self.checked += 1

    def known(self) -> set[datetime | None]:
        """When servers that run, and their people, were active last."""
        found = [(user.orm_user, one.orm_spawner) for user in self.users.values() for one in user.spawners.values()]
        return {one.last_activity for pair in found for one in pair}


async def test_activity_moves_forward_in_few_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server and its person; what is known already costs no transaction, and the routes are checked each time."""
    monkeypatch.setattr(activity, "AT_ONCE", 100)
    hub = Hub({"ana": [str(number) for number in range(150)], "ben": ["lab"]})

    await update_last_activity(hub)
    await update_last_activity(hub)

    assert {BEFORE + timedelta(hours=2)} == hub.known()
    assert (2, 2) == (hub.db.commits, hub.checked)


async def test_nothing_moves_back_or_without_a_word_of_the_proxy() -> None:
    """An older time, none at all, and a server that does not run."""
    for told in ("2026-11-23T09:00:00.000Z", ""):
        hub = Hub({"ana": ["lab"]}, active=told)
        await update_last_activity(hub)
        assert {None, BEFORE} == hub.known()
    asleep = Hub({"ana": ["asleep"]})
    await update_last_activity(asleep)
    assert {None, BEFORE} == asleep.known()


async def test_a_full_disk_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The round ends with the database as it was."""
    hub = Hub({"ana": ["lab"]}, db=Database(full=True))

    await update_last_activity(hub)

    assert (0, 1) == (hub.db.commits, hub.db.rollbacks)
    assert "could not be written down" in caplog.text
