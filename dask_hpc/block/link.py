"""The line between a block's agent and the cluster's scheduler: lines of JSON over TLS 1.3, both sides proved.

Both use the cluster's one certificate (see `dask_hpc.record.tls`). Standard library only, so that an agent needs no
Dask.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from facility.cluster_tls import proved

_IDLE_SECONDS = 30  # of silence, after which TCP asks whether the other side is there
_ASK_SECONDS, _ASKS = 5, 4  # and so often, before it counts as gone


class Link:
    """One open line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        plain: socket.socket = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ASK_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _ASKS)

    def send(self, **facts: object) -> None:
        """Send one line; it is lost where the other side has gone, which `receive` tells."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(facts).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next line; None when the other side has gone."""
        try:
            line = await self._reader.readline()
            found = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):  # a line that is too long, or none of ours, ends the line
            return None
        return found if isinstance(found, dict) else None

    def close(self) -> None:
        """Let go."""
        self._writer.close()


async def open_link(folder: Path, address: str) -> Link:
    """Reach the scheduler at `address`, "host:port". Raises OSError where nobody answers, or somebody else."""
    host, _, port = address.rpartition(":")
    return Link(*await asyncio.open_connection(host, int(port), ssl=proved(folder, listens=False)))


async def serve_links(folder: Path, host: str, attend: Callable[[Link], Awaitable[None]]) -> tuple[asyncio.Server, str]:
    """Listen on a free port of `host`, which is one address; `attend` has each line until it returns."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        try:
            await attend(link)
        finally:
            link.close()

    server = await asyncio.start_server(answer, host, 0, ssl=proved(folder, listens=True))
    return server, f"{host}:{server.sockets[0].getsockname()[1]}"
