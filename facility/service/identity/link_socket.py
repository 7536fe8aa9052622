"""The Unix socket of `beamside link` and `keys`: the kernel says whose process is asking (SO_PEERCRED, unix(7)).

One line of JSON comes, {"act": …}, and one goes back: what was asked for, or {"error": "…"}. The acts: `look` and
`confirm` a code of a login, `keys`, `add-key`, and `end-key`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pwd
import socket
import stat
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from facility.errors import Busy, FacilityError, NotAllowed, ProfileError, Refused
from facility.service.caller import Caller
from facility.service.clock import Clock
from facility.service.identity.clients import NewClient, make_client, scopes_of
from facility.service.identity.linking import confirm_link, look_link
from facility.service.identity.local import LocalIdentity
from facility.wire import encode

log = logging.getLogger(__name__)

NAME = "link.sock"
LONGEST_PATH = 107  # bytes that a socket's path may have, unix(7)
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of the process that connected
LONGEST_LINE = 8192
PATIENCE = 5.0  # seconds for the one line
TRIES = 10  # of one user in a minute
LOCAL = "local"
"""What stands for the client where the person's own process asks."""

MOST = 20  # connections at a time


class LinkSocket:
    """Answers on one socket."""

    def __init__(self, identity: LocalIdentity) -> None:
        self._identity = identity
        self._desk = identity.desk
        self._tries = _Tries(self._desk.clock)
        self._free = asyncio.Semaphore(MOST)

    @asynccontextmanager
    async def serving(self, path: Path, *, for_all: bool) -> AsyncIterator[None]:
        """Listen at `path`: for every user of the machine, or for our own only. Raises ProfileError."""
        try:
            _clear(path)
            server = await asyncio.start_unix_server(self._answer, path, limit=LONGEST_LINE)
            _open_to(path, 0o666 if for_all else 0o600)
        except OSError as error:
            raise ProfileError(f"service.link_socket: {path} cannot be made: {error.strerror}") from error
        try:
            yield
        finally:
            server.close()
            _clear(path)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                async with asyncio.timeout(PATIENCE), self._free:
                    told = encode(await self._do(await reader.readline(), _user_of(writer)))
            except FacilityError as error:
                told = {"error": str(error)}
            except (TimeoutError, ValueError):  # ValueError: the line is longer than the limit
                told = {"error": "one line of JSON was expected"}
            except Exception:  # the outermost point of a connection: a mistake must not end the service
                log.exception("a mistake of the service")
                told = {"error": "the facility service made a mistake; tell the operators"}
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _do(self, line: bytes, user: str) -> object:
        asked = json.loads(line)
        if not isinstance(asked, dict):
            raise Refused("send one object with an act")
        self._tries.count(user)
        match asked.get("act"):
            case "look":
                return await look_link(self._desk, str(asked.get("code", "")))
            case "confirm":
                return await confirm_link(self._desk, str(asked.get("code", "")), user)
            case "keys":
                return {"clients": encode(await self._identity.clients(self._caller(user)))}
            case "add-key":
                return await make_client(self._desk, self._caller(user), _new_client(asked))
            case "end-key":
                await self._identity.revoke_client(str(asked.get("id", "")), self._caller(user).user)
                return {}
        raise Refused("the acts are look, confirm, keys, add-key and end-key")

    def _caller(self, user: str) -> Caller:
        """The person, who may everything that the site allows. Raises NotAllowed for a system's account."""
        person = self._desk.person(user).pw_name
        ends = datetime.now(UTC) + timedelta(seconds=PATIENCE)
        return Caller(person, self._desk.profile.service.ceiling, LOCAL, ends)


def _clear(path: Path) -> None:
    """Remove a socket, ours or that of a service that was killed; nothing else."""
    if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
        path.unlink()


def _open_to(path: Path, mode: int) -> None:
    path.chmod(mode)


def _new_client(asked: dict[str, Any]) -> NewClient:
    """What is said of a new key. Raises Refused."""
    name, key, scopes, networks = (asked.get(part) for part in ("name", "public_key", "scopes", "networks"))
    days = asked.get("days")
    if not isinstance(name, str) or not isinstance(key, str) or not isinstance(days, int | float):
        raise Refused("a key has a name, a public_key and days")
    if not isinstance(scopes, list) or not isinstance(networks, list):
        raise Refused("a key has a list of scopes, and a list of networks, which may be empty")
    return NewClient(name, key, scopes_of([str(scope) for scope in scopes]), days, tuple(map(str, networks)))


class _Tries:
    """How often each user tried in the last minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, deque[float]] = {}

    def count(self, user: str) -> None:
        """Count one try. Raises Busy where there were too many."""
        now = self._clock.monotonic()
        times = self._of.setdefault(user, deque())
        while times and now - times[0] > 60:
            times.popleft()
        if len(times) >= TRIES:
            raise Busy("too many tries; wait a minute", 60.0)
        times.append(now)


def _user_of(writer: asyncio.StreamWriter) -> str:
    """The account whose process is at the other end. Raises NotAllowed."""
    found: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = CREDENTIALS.unpack(found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise NotAllowed(f"uid {uid} has no account here") from error
