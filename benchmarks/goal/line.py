"""Asking over HTTP with little processor time of one's own: the server that is measured shares the machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

LINES = 50  # connections over which requests come at a rate


class Line:
    """One connection that is kept. Answers must tell their length, as the service's do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Mapping[str, str]) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{self._headers}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        body = await self._reader.readexactly(int(length.split(b"\r\n")[0])) if length else b""
        return int(head.split(b" ", 2)[1]), body


@asynccontextmanager
async def line(url: str, headers: Mapping[str, str]) -> AsyncIterator[Line]:
    """A connection as long as the block lasts."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Line(reader, writer, headers)
    finally:
        writer.close()


async def one_by_one(url: str, path: str, headers: Mapping[str, str], seconds: float) -> list[float]:
    """Latencies in ms of one request after the other, in order of their size. Raises where one is not answered 200."""
    taken, began = list[float](), time.monotonic()
    async with line(url, headers) as open_line:
        while time.monotonic() - began < seconds:
            at = time.perf_counter()
            status, body = await open_line.get(path)
            taken.append((time.perf_counter() - at) * 1000)
            if status != 200:
                raise RuntimeError(f"{path} was answered {status}: {body[:300]!r}")
    return sorted(taken)


async def at_a_rate(url: str, path: str, headers: Mapping[str, str], rate: int, seconds: float) -> list[float]:
    """Latencies in ms of `rate` requests a second, in order of their size.

    Each has its time to begin, from which its latency counts, whatever became of those before.
    """
    taken, numbers = list[float](), iter(range(int(rate * seconds)))
    begin = time.perf_counter() + 0.5

    async def ask(open_line: Line) -> None:
        for number in numbers:
            due = begin + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            await open_line.get(path)
            taken.append((time.perf_counter() - due) * 1000)

    async with AsyncExitStack() as lines:
        held = [await lines.enter_async_context(line(url, headers)) for _ in range(LINES)]
        await asyncio.gather(*map(ask, held))
    return sorted(taken)
