"""Serving over HTTP, and ending it so that open event streams end too."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Collection, Iterator

import uvicorn

from facility.service.app import create_app
from facility.service.parts import Parts

FAREWELL = 3  # seconds that requests under way have at the end


class ServiceServer(uvicorn.Server):
    """One service on one loopback port; end it by `should_exit` or by a signal."""

    def __init__(self, parts: Parts, names: Collection[str], host: str, port: int) -> None:
        self._parts = parts
        config = uvicorn.Config(
            create_app(parts, names),
            host=host,
            port=port,
            http="h11",  # httptools, which uvicorn would take where it is installed, reads headers of any length
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=FAREWELL,
            server_header=False,
            proxy_headers=bool(parts.profile.service.proxies),  # else anybody here could claim any address
            forwarded_allow_ips=list(parts.profile.service.proxies),
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End by return: uvicorn would end the process by the signal, and whoever awaits us could not tidy up."""
        loop, ends = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for sign in ends:
            loop.add_signal_handler(sign, self.handle_exit, sign, None)
        try:
            yield
        finally:
            for sign in ends:
                loop.remove_signal_handler(sign)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams first: they would never end by themselves, and listeners come back anyway."""
        self._parts.broadcast.close()
        await super().shutdown(sockets)
