"""Whether something listens where a server should: one TCP connection, so it works with and without TLS."""

from __future__ import annotations

import asyncio
import socket
import time
from enum import Enum

REMEMBERED = 60.0
"""Seconds for which the addresses of a node are good enough to find its servers; not to call one of them dead."""


class Reach(Enum):
    """What a connection found."""

    LISTENS = "something listens there"
    REFUSED = "nothing listens there"
    NAMELESS = "the node's name has no address here"
    SILENT = "the node does not answer"


_addresses: dict[str, tuple[float, list[tuple[int, str]]]] = {}  # by node: until when, and each with its family


async def reach(host: str, port: int, timeout: float = 3.0) -> Reach:
    """Connect once. Only REFUSED is evidence that the server is gone: the node itself said so.

    A hub looks at hundreds of servers on few nodes every few seconds, so the nodes' addresses are remembered for a
    while; before anything else than LISTENS is said, the name is looked up anew.
    """
    try:
        async with asyncio.timeout(timeout):
            until, known = _addresses.get(host, (0.0, []))
            if time.monotonic() < until and await _knock(known, port) is Reach.LISTENS:
                return Reach.LISTENS
            known = await _look_up(host)
            _addresses[host] = (time.monotonic() + REMEMBERED, known)
            return await _knock(known, port)
    except socket.gaierror:
        return Reach.NAMELESS
    except TimeoutError:
        return Reach.SILENT


async def _look_up(host: str) -> list[tuple[int, str]]:
    """The addresses of a node, the preferred one first. Raises socket.gaierror where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in found]


async def _knock(addresses: list[tuple[int, str]], port: int) -> Reach:
    """Try one address after the other; REFUSED where every one of them refused."""
    refused = True
    for family, address in addresses:
        with socket.socket(family, socket.SOCK_STREAM) as knocking:
            knocking.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(knocking, (address, port))
            except ConnectionRefusedError:
                continue
            except OSError:
                refused = False
            else:
                return Reach.LISTENS
    return Reach.REFUSED if refused else Reach.SILENT
