"""A server that proves itself anew, after a hub restart or a requeue: a token for it, and the way to it."""

from __future__ import annotations

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join

from spawners.spawner import FacilitySpawner
from spawners.untyped import Untyped


async def renew_token(spawner: FacilitySpawner, oauth_provider: Untyped) -> None:
    """Give a server whose token this hub process never saw a new one, and its OAuth client the same secret."""
    user, server = spawner.user, spawner.name
    wanted = {
        f"{scope}={user.name}/{server}" if scope.endswith("!server") else scope
        for scope in orm.Role.find(user.db, "server").scopes
    }
    spawner.api_token = user.new_api_token(note=f"Server at {spawner.server.base_url} (claimed anew)", scopes=wanted)
    oauth_provider.add_client(
        spawner.oauth_client_id,
        spawner.api_token,
        url_path_join(user.url, url_escape_path(server), "oauth_callback"),
        allowed_scopes=await spawner._get_oauth_client_allowed_scopes(),
        description=f"Server at {spawner.server.base_url}",
    )
    user.db.commit()


async def move_route(spawner: FacilitySpawner, proxy: Untyped, host: str, port: int) -> None:
    """Lead the person's browser to the node on which the job runs now."""
    spawner.server.ip, spawner.server.port = host, port
    spawner.user.db.commit()
    if spawner.ready:
        await proxy.add_user(spawner.user, spawner.name)
