"""The scheduler's side of the lines to the agents of all blocks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from dask_hpc.block.link import Link, serve_links


class Listener(Protocol):
    """Who hears the agents."""

    def came(self, number: int, job_id: str) -> None:
        """The agent of a block has come; what is sent from now on reaches it."""
        ...

    def heard(self, number: int, word: dict[str, Any]) -> None:
        """It said something."""
        ...

    def left(self, number: int) -> None:
        """It has gone, and its job with it."""
        ...


class Agents:
    """One line a block."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._links: dict[int, Link] = {}
        self._server: asyncio.Server | None = None
        self._one_left = asyncio.Condition()

    async def listen(self, folder: Path, host: str) -> str:
        """Wait for agents; where is the answer."""
        self._server, address = await serve_links(folder, host, self._attend)
        return address

    def send(self, number: int, **facts: object) -> bool:
        """Tell the agent of a block something; no where it is not there."""
        link = self._links.get(number)
        if link is not None:
            link.send(**facts)
        return link is not None

    def has(self, number: int) -> bool:
        """Whether the agent of a block is there."""
        return number in self._links

    async def close(self, reason: str, patience: float) -> None:
        """End all blocks but the first, wait at most `patience` seconds until they have gone, and end the first."""
        for number in set(self._links) - {0}:
            self.send(number, end=reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._one_left:
                await self._one_left.wait_for(lambda: not self._links.keys() - {0})
        self.send(0, end=reason)
        if self._server is not None:
            self._server.close()

    async def _attend(self, link: Link) -> None:
        match await link.receive():
            case {"block": int(number), "job": str(job_id)} if number not in self._links:
                pass
            case _:
                return
        self._links[number] = link
        self._listener.came(number, job_id)
        try:
            while (word := await link.receive()) is not None:
                self._listener.heard(number, word)
        finally:
            del self._links[number]
            self._listener.left(number)
            async with self._one_left:
                self._one_left.notify_all()
