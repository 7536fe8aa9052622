"""The extension as Jupyter Server loads it: one board, one source, one voice."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_events import EventLogger
from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from facility.clusters import BASE_URL
from server_ext.ahead import margin
from server_ext.board import Delta, JobBoard
from server_ext.choose import choose_source
from server_ext.clusters import ClustersHandler
from server_ext.handlers import HealthHandler, JobHandler, JobsHandler, SessionHandler
from server_ext.pages import PagesHandler, PagesSocket
from server_ext.room import Room, session_job_id
from server_ext.watch import WatchHandler
from server_ext.wire import EVENT, delta_json

BEAT = 10.0
"""Seconds between two beats: a tab that missed an event finds out after at most this long."""


ROUTES = (
    (r"beamside/jobs", JobsHandler),
    (r"beamside/jobs/([^/]+)", JobHandler),
    (r"beamside/session", SessionHandler),
    (r"beamside/health", HealthHandler),
    (r"beamside/watch", WatchHandler),
    (r"beamside/clusters", ClustersHandler),
    (r"beamside/clusters/([^/]+)/pages/([^/]+)/ws", PagesSocket),
    (r"beamside/clusters/([^/]+)/pages/(.*)", PagesHandler),
)
"""Below the server's base URL."""


class BeamsideApp(ExtensionApp):
    """Serve this user's jobs to JupyterLab."""

    name = "beamside"

    look_seconds = Float(
        10.0,
        min=10.0,
        config=True,
        help="""Least time between two questions to Slurm, in seconds, where no facility service is reachable by
        configuration. Set by whoever runs the server, e.g. `c.BeamsideApp.look_seconds = 30`. At least 10.""",
    )

    room: Room
    _running: asyncio.Task[None] | None = None

    def initialize_settings(self) -> None:
        """Register the event before any tab subscribes, and build the room that the handlers share."""
        self._events.register_event_schema(Path(__file__).parent / "events" / "job-delta.v1.yaml")
        board = JobBoard(self._tell)
        source = choose_source(os.environ, board, self.look_seconds)
        self.room = Room(board, source, session_job_id(os.environ), margin(os.environ))
        self.settings["beamside_room"] = self.room
        os.environ[BASE_URL] = self.settings["base_url"]  # kernels and terminals get it from here

    def initialize_handlers(self) -> None:
        """The routes; docs/reference/lab.md lists them."""
        self.handlers.extend(ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:  # noqa: ANN401 - the framework's signature
        self._running = asyncio.create_task(self._run(), name="beamside")

    async def stop_extension(self) -> None:
        """End the source; an upstream stream and a running command end with it."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    @property
    def _events(self) -> EventLogger:
        server = self.serverapp
        if server is None or server.event_logger is None:
            raise RuntimeError("beamside was initialized without a Jupyter Server")
        return server.event_logger

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.room.keep_true(self.log))
            tasks.create_task(self.room.look_around(self.log))
            tasks.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self.room.board.beat()

    def _tell(self, delta: Delta) -> None:
        self._events.emit(schema_id=EVENT, data=delta_json(self.room, delta))
