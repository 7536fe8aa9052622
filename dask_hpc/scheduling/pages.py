"""The cluster's pages: Dask's own, on a private Unix socket, and where Lab may be on another node behind mutual TLS.

No port serves them in the clear, and nobody without the cluster's certificate gets an answer. People reach them
through their own Jupyter server (`server_ext/pages.py`). Bokeh is loaded when somebody looks for the first time.
"""

from __future__ import annotations

import asyncio
import importlib
from contextlib import suppress
from pathlib import Path
from socket import socket
from ssl import SSLContext
from typing import Any

from distributed import Scheduler
from distributed.http.routing import RoutingApplication
from distributed.http.utils import get_handlers
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket
from tornado.web import RequestHandler

from facility.cluster_tls import proved

ROUTES = [f"distributed.http.{name}" for name in ("scheduler.info", "scheduler.json", "health", "statics")]
"""Those of Dask that only show; what changes a cluster, or leads on to workers, is none of them."""
ORIGINS = {"distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin": ["localhost"]}
"""Setting for Dask: no page of anybody else's may open a socket; the Jupyter server's says nothing of an origin."""
_SOCKET = "pages.sock"
_NO_BOKEH = "distributed.http.scheduler.missing_bokeh"


class Pages:
    """What serves the pages of one scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._application = RoutingApplication([(r"/.*", Waking, {"pages": self})])
        self._servers: list[HTTPServer] = []
        self._waking: asyncio.Future[None] | None = None

    def listen(self, place: str, folder: Path, host: str) -> dict[str, str]:
        """Serve below `place`, a private directory, and, where `host` is given, at a port of that address too.

        What the record says of it is the answer.
        """
        where = {}
        with suppress(OSError):  # a path may be too long for a socket (unix(7), 108 bytes)
            path = str(Path(place) / _SOCKET)
            sockets = [bind_unix_socket(path, mode=0o600)]
            self._serve(sockets)
            where["dashboard_socket"] = path
        if host:
            sockets = bind_sockets(0, host)
            self._serve(sockets, proved(folder, listens=True))
            where["dashboard_address"] = f"{host}:{sockets[0].getsockname()[1]}"
        return where

    def _serve(self, sockets: list[socket], tls: SSLContext | None = None) -> None:
        server = HTTPServer(self._application, ssl_options=tls)
        server.add_sockets(sockets)
        self._servers.append(server)

    def close(self) -> None:
        """Serve no more."""
        for server in self._servers:
            server.stop()

    async def wake(self) -> None:
        """Load what draws the pages, once, beside the scheduler's own work."""
        if self._waking is None:
            self._waking = asyncio.ensure_future(self._wake())
        await asyncio.shield(self._waking)

    async def _wake(self) -> None:
        drawing: Any = await asyncio.to_thread(_load)
        server = self._servers[0]
        server.port = 0  # type: ignore[attr-defined]  # Dask makes a default origin of it
        self._scheduler.http_server = server
        routes = ROUTES if drawing is not None else [*ROUTES, _NO_BOKEH]
        application = RoutingApplication(get_handlers(self._scheduler, routes, prefix="/"))
        if drawing is not None:
            drawing.connect(application, server, self._scheduler, prefix="")
        for one in self._servers:
            one.request_callback = application


def _load() -> Any:  # noqa: ANN401 - a module of Dask's
    """The module that draws; None without Bokeh, of which Dask's own page then tells."""
    try:
        return importlib.import_module("distributed.dashboard.scheduler")
    except ImportError:
        return None


class Waking(RequestHandler):
    """Whatever is asked for first: it is there a moment later."""

    def initialize(self, pages: Pages) -> None:
        """See tornado."""
        self._pages = pages

    async def get(self) -> None:
        """Wait until the pages can be drawn, and have the same asked for again."""
        await self._pages.wake()
        self.set_header("Location", self.request.path.rpartition("/")[2] or "status")
        self.set_status(302)
