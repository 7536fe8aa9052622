"""The kernel's side of the sessions: a line that breaks is dialled again until the cluster is over.

`beamside://NAME` is the address of the scheduler of cluster NAME; Dask takes it wherever it takes an address. It is
resolved by the cluster's record, and what goes over it is TLS.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed.comm.addressing import get_address_host, parse_address
from distributed.comm.core import Comm, CommClosedError, Connector, FatalCommClosedError, connect
from distributed.comm.registry import Backend, backends

from dask_hpc.config import read_knobs
from dask_hpc.sessions.keeping import OPEN
from dask_hpc.sessions.session import Session
from dask_hpc.sessions.vigil import vigil
from facility.clusters import ClusterRecord, read_record
from facility.errors import FacilityError

SCHEME = "beamside"
_LOOK_SECONDS = 1.0  # between two looks at a line on which nobody waits
_PAUSE_SECONDS = 0.5  # between two calls
_CALL_SECONDS = 5.0  # for one call, so that a network that comes back is noticed soon


def address_of(name: str) -> str:
    """The address of the scheduler of cluster `name`, for Dask's own classes."""
    return f"{SCHEME}://{name}"


@dataclass(frozen=True)
class Way:
    """How a cluster's scheduler is reached."""

    record: ClusterRecord
    deserialize: bool
    arguments: dict[str, Any]  # TLS and the like, as Dask passes them

    async def call(
        self, session: str, heard: int, *, new: bool, timeout: float | None = None
    ) -> tuple[Comm, int | None]:
        """A line for the session, and what the scheduler has heard of it; None where it has forgotten the session.

        Raises OSError or TimeoutError where the scheduler does not answer.
        """
        async with asyncio.timeout(timeout):  # Dask bounds the TCP connection, and not what is said first
            try:
                line = await connect(self.record.scheduler_address, deserialize=self.deserialize, **self.arguments)
            except ValueError as error:  # tornado's, of a connection that was reset before TLS began
                raise CommClosedError(str(error)) from error
            try:
                await line.write({"op": OPEN, "session": session, "heard": heard, "new": new, "reply": False})
                answer = await line.read()
            except BaseException:
                line.abort()
                raise
        return line, answer["heard"]


class DialledSession(Session):
    """The side that dials."""

    def __init__(self, name: str, line: Comm, patience: float, way: Way) -> None:
        super().__init__(name, line, patience)
        self._way = way
        self._tending = asyncio.get_running_loop().create_task(self._tend())

    async def _tend(self) -> None:
        """Notice that the line has broken, also where nobody waits on it, and get another one."""
        try:
            while not self.closed():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._is_broken.wait()
                if self._line is not None and self._line.closed():
                    self.lose(self._line)
                if self._line is None and not self.closed():
                    await self._mend()
        except Exception as error:
            self.end(f"beamside's own code failed: {error}")  # what would be a hang otherwise
            raise

    async def _mend(self) -> None:
        async with vigil(self._way.record) as watch:
            while not self.closed():
                try:
                    line, heard = await self._way.call(self.session, self.heard, new=False, timeout=_CALL_SECONDS)
                except OSError:  # TimeoutError is one
                    watch.failed()
                    await asyncio.wait({watch.over}, timeout=_PAUSE_SECONDS)
                    if watch.over.done():
                        self.end(str(watch.over.result()))
                    continue
                watch.answered()
                if heard is None:
                    line.abort()
                    self.end("the scheduler had waited long enough")
                else:
                    await self.take(line, heard)
                return


class SessionConnector(Connector):
    """Opens sessions, where Dask asks for connections."""

    async def connect(self, address: str, deserialize: bool = True, **arguments: Any) -> Comm:  # noqa: ANN401 - Dask's
        """A new session with the scheduler of the cluster `address`."""
        try:
            record = read_record(address)
        except (FacilityError, OSError) as error:
            raise FatalCommClosedError(str(error)) from error
        if not record.scheduler_address:
            raise FatalCommClosedError(f"the scheduler of cluster {address!r} does not listen yet")
        way, name = Way(record, deserialize, arguments), uuid.uuid4().hex
        line, _ = await way.call(name, 0, new=True)
        return DialledSession(name, line, read_knobs().lost_client_timeout, way)


class ClusterNames(Backend):
    """What Dask must know of addresses that name a cluster."""

    def get_connector(self) -> Connector:
        """See distributed.comm.registry.Backend."""
        return SessionConnector()

    def get_listener(self, *_address: object, **_arguments: object) -> Any:  # noqa: ANN401 - never returns
        """Nobody listens here: the scheduler's own listener takes sessions too."""
        raise NotImplementedError(f"{SCHEME}:// can only be connected to")

    def get_address_host(self, loc: str) -> str:
        """The scheduler's node."""
        return str(get_address_host(read_record(loc).scheduler_address))

    def resolve_address(self, loc: str) -> str:
        """The name, which stays true when the scheduler's address changes."""
        return loc

    def get_local_address_for(self, loc: str) -> str:
        """This side's address towards the scheduler."""
        scheme, where = parse_address(read_record(loc).scheduler_address)
        return str(backends[scheme].get_local_address_for(where))


backends.setdefault(SCHEME, ClusterNames())
