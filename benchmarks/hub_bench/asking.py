"""Asking hubs for servers, hundreds at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from hub_bench.hubs import Hub

PATIENCE = 1800.0
"""Seconds for one answer; a start is answered when its server is ready."""


@dataclass(frozen=True)
class Begun:
    """One start: when it was asked for and answered (time.monotonic()), and what was wrong; empty where it serves."""

    server: str
    asked: float
    answered: float
    problem: str


@asynccontextmanager
async def operator(hub: Hub) -> AsyncIterator[aiohttp.ClientSession]:
    """The hub's operator, with as many connections as it takes."""
    patience = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=hub.headers, timeout=patience, connector=connector) as session:
        yield session


async def begin(session: aiohttp.ClientSession, hub: Hub, server: str) -> Begun:
    """Ask for a server and wait until the hub says that it is ready, or why it is not."""
    asked = time.monotonic()
    async with session.post(f"{hub.api}/users/{hub.user}/servers/{server}", json={}) as answer:
        said = await answer.text()
    return Begun(server, asked, time.monotonic(), "" if answer.status == 201 else f"{answer.status} {said[:300]}")


async def begin_all(session: aiohttp.ClientSession, hub: Hub, servers: Iterable[str], at_once: int) -> list[Begun]:
    """Begin many, so many of them on their way at a time."""
    places = asyncio.Semaphore(at_once)

    async def one(server: str) -> Begun:
        async with places:
            return await begin(session, hub, server)

    return list(await asyncio.gather(*map(one, servers)))


async def ready(session: aiohttp.ClientSession, hub: Hub) -> set[str]:
    """The servers that the hub calls ready."""
    async with session.get(f"{hub.api}/users/{hub.user}") as answer:
        answer.raise_for_status()
        servers = (await answer.json()).get("servers", {})
    return {name for name, server in servers.items() if server["ready"]}


async def serving(session: aiohttp.ClientSession, hub: Hub, servers: Iterable[str]) -> set[str]:
    """Those of `servers` that answer through the proxy."""
    places = asyncio.Semaphore(20)

    async def one(server: str) -> bool:
        async with places, session.get(f"{hub.place(server)}/api", allow_redirects=False) as answer:
            return answer.status == 200

    asked = list(servers)
    answers = await asyncio.gather(*map(one, asked))
    return {server for server, serves in zip(asked, answers, strict=True) if serves}
