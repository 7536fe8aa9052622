"""Connections that can be made to fail."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

BELOW_EPHEMERAL = range(10000, 18000)
"""Linux takes the ports of outgoing connections from 32768 and up."""


class Fault(StrEnum):
    """What a `FaultProxy` does to what the server answers."""

    NONE = "none"
    SLOW = "slow"  # half a second before each piece
    BLACKHOLE = "blackhole"  # takes everything, answers nothing
    RESET = "reset"
    TRUNCATE = "truncate"  # closes after the first bytes
    GARBAGE = "garbage"
    DRIP = "drip"  # one byte each tenth of a second
    DOWN = "down"  # accepts no connection


class FaultProxy:
    """A TCP proxy on 127.0.0.1 that misbehaves as told; `fault` may be changed at any time."""

    FIRST_BYTES = 40

    def __init__(self, port: int) -> None:
        self._target = port
        self.fault = Fault.NONE
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FaultProxy]:
        """Serve as long as the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Close every connection that is open now."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.fault in {Fault.DOWN, Fault.RESET}:
                return
            if self.fault is Fault.BLACKHOLE:
                while await reader.read(65536):
                    pass
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(back)
            asking = asyncio.create_task(self._forward(reader, back))
            await self._answer(there, writer)
            asking.cancel()
            back.transport.abort()
            self._writers.discard(back)
        except OSError:
            pass  # one side left: that is what this proxy is for
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    @staticmethod
    async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if self.fault is Fault.GARBAGE:
                writer.write(b"\x00\xff" * 64)
                await writer.drain()
                return
            if self.fault is Fault.TRUNCATE:
                writer.write(piece[: self.FIRST_BYTES])
                await writer.drain()
                return
            if self.fault is Fault.SLOW:
                await asyncio.sleep(0.5)
            for at in range(len(piece)) if self.fault is Fault.DRIP else ():
                writer.write(piece[at : at + 1])
                await asyncio.sleep(0.1)
            if self.fault is not Fault.DRIP:
                writer.write(piece)
            await writer.drain()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now, and that the kernel gives to no outgoing connection meanwhile."""
    while True:
        port = secrets.choice(BELOW_EPHEMERAL)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT does not hinder a listener
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
