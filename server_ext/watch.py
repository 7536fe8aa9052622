"""A socket that says only "somebody looks": it pauses the questions to Slurm while no panel is in sight."""

from __future__ import annotations

import contextlib

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketHandler

from server_ext.handlers import RESOURCE
from server_ext.room import Room
from server_ext.slurm_source import SlurmSource


class WatchHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """Open while a panel is visible, and only where jobs come from Slurm's own commands. Carries no data."""

    auth_resource = RESOURCE

    @ws_authenticated
    @authorized
    async def get(self) -> None:
        """Upgrade to a socket."""
        await super().get()

    def open(self) -> None:
        """Count a watcher."""
        super().open()
        self._watching = contextlib.ExitStack()
        room: Room = self.settings["beamside_room"]
        if isinstance(room.source, SlurmSource):
            self._watching.enter_context(room.source.watched())

    def on_message(self, message: str | bytes) -> None:
        """Nothing is said here."""

    def on_close(self) -> None:
        """Uncount it, also where the browser went without a word and the pings found out."""
        self._watching.close()
        super().on_close()
