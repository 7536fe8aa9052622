"""Who uses a server, as the proxy tells it: taken over from memory, for JupyterHub asks its database for each server.

With 500 servers that held the event loop for seconds every five minutes (JupyterHub.last_activity_interval).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from spawners.untyped import Untyped

AT_ONCE = 100
"""Servers that are written down in one transaction; in between others have their turn."""

log = logging.getLogger("beamside.activity")

Routes = Mapping[str, Mapping[str, Any]]


async def update_last_activity(app: Untyped) -> None:
    """What JupyterHub does by the method of this name: note who was active when, then see that all routes are right."""
    routes = await app.proxy.get_all_routes()
    news = list(_news(app, routes))
    for first in range(0, len(news), AT_ONCE):
        try:
            for spawner, when in news[first : first + AT_ONCE]:
                _note(spawner.orm_spawner, when)
                _note(spawner.user.orm_user, when)
            app.db.commit()
        except SQLAlchemyError as error:  # told again in the next round
            app.db.rollback()
            log.error("the activity of servers could not be written down: %s", error)
            return
        await asyncio.sleep(0)
    await app.proxy.check_routes(app.users, app._service_map, routes)


def _news(app: Untyped, routes: Routes) -> Iterator[tuple[Untyped, datetime]]:
    """Servers that were used later than is known, each with when (UTC, without a zone, as JupyterHub keeps it)."""
    data = [route["data"] for route in routes.values()]
    told = {(found.get("user"), found.get("server_name")): found.get("last_activity") for found in data}
    for user in app.users.values():
        for name, spawner in user.spawners.items():
            active = told.get((user.name, name))
            if not active or not spawner.ready:
                continue
            when, known = _in_utc(datetime.fromisoformat(active)), spawner.orm_spawner.last_activity
            if known is None or known < when:
                yield spawner, when


def _in_utc(when: datetime) -> datetime:
    """The same moment as JupyterHub keeps it; a time without a zone is UTC already."""
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def _note(whose: Untyped, when: datetime) -> None:
    """Move the time of somebody's or something's last activity forward, never back."""
    if whose.last_activity is None or whose.last_activity < when:
        whose.last_activity = when
