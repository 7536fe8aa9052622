"""A proxy that was started anew knows no way to any server: it is told all of them within seconds.

JupyterHub does so at once for a proxy that it runs itself; one that runs beside it would wait for five minutes.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import ClientError

from spawners.untyped import Untyped

LOOK_EVERY = 8.0
"""Seconds between two looks; with hundreds of servers each reads hundreds of routes."""

log = logging.getLogger("beamside.proxy")


async def keep_routes(app: Untyped) -> None:
    """Look at the proxy's routes until cancelled; where the hub's own is missing, all of them are made again."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        try:
            routes = await app.proxy.get_all_routes()
            if app.hub.routespec not in routes:
                log.warning("the proxy was started anew and knows no routes; it is told all of them")
                await app.proxy.check_routes(app.users, app._service_map, routes)
        except (ClientError, OSError, TimeoutError) as error:  # it is away; JupyterHub has said so for half a minute
            log.warning("the proxy does not answer, nobody reaches a server through it: %s", error)
        except Exception as error:  # the outermost loop: a mistake must not end it
            log.error("the proxy's routes could not be looked at, for a mistake", exc_info=error)
