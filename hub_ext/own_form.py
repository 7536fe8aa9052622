"""Whose form a request is about: what is told, kept or drawn for a form is its own reader's alone."""

from __future__ import annotations

from jupyterhub.handlers import BaseHandler
from jupyterhub.user import User
from tornado.web import HTTPError

from spawners.spawner import FacilitySpawner


def own_form(handler: BaseHandler) -> FacilitySpawner:
    """The server whose form this is: of the person who asks, or of a token of theirs that may start servers.

    Raises HTTPError 403 for anybody else, 404 for a server that is not there.
    """
    user = handler.current_user
    if not isinstance(user, User) or not handler.has_scope(f"servers!user={user.name}"):
        raise HTTPError(403, "a form is there for the person alone who may start servers with it")
    server = handler.get_query_argument("server", "")
    if server and server not in user.spawners:
        raise HTTPError(404, "you have no server of this name; open its form first")
    spawner: FacilitySpawner = user.spawners[server]
    return spawner
