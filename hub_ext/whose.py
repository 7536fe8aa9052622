"""Which of the hub's spawners serves an intent, without a question to the hub's database each time."""

from __future__ import annotations

from spawners.intents import Intent
from spawners.spawner import FacilitySpawner
from spawners.untyped import Untyped

_ids: dict[str, int] = {}  # of the hub's people by their names, as they were found last


def spawner_of(users: Untyped, intent: Intent) -> FacilitySpawner | None:
    """The spawner of the intent's server; None where the hub no longer knows the person or the server.

    JupyterHub's own search by name reads the person and all their servers from the database.
    """
    user = users.get(_ids[intent.user]) if intent.user in _ids else None
    if user is None or user.name != intent.user:
        user = users.get(intent.user)
    if user is None:
        return None
    _ids[intent.user] = user.id
    found: FacilitySpawner | None = user.spawners.get(intent.server)
    return found
