"""The scheduler's side of the sessions: each is begun, or gone on with, over a connection like any other."""

from __future__ import annotations

import asyncio
from typing import Any

from distributed import Scheduler
from distributed.comm.core import Comm, CommClosedError
from distributed.core import Status

from dask_hpc.sessions.session import Session

OPEN = "open_session"
"""The operation by which a connection becomes the line of a session."""


class Sessions:
    """The sessions of one scheduler; each is kept for `patience` seconds after its line broke."""

    def __init__(self, scheduler: Scheduler, patience: float) -> None:
        self._scheduler, self._patience = scheduler, patience
        self._sessions: dict[str, Session] = {}
        scheduler.handlers[OPEN] = self.attend

    async def attend(self, comm: Comm, session: str, heard: int, new: bool) -> Any:  # noqa: ANN401 - Dask's word for "no answer"
        """Be the scheduler's end of `session` as long as this connection is its line."""
        if new:
            self._sessions[session] = found = Session(session, comm, self._patience, lambda: self._forget(session))
            await comm.write({"heard": 0})
            self._scheduler._ongoing_background_tasks.call_soon(self._serve, found)
        elif (known := self._sessions.get(session)) is not None:
            found = known
            await comm.write({"heard": found.heard})
            await found.take(comm, heard)
        else:
            await comm.write({"heard": None})
            return Status.dont_reply
        await found.broken(comm)
        return Status.dont_reply

    async def close(self) -> None:
        """End all sessions, and let the other sides know."""
        await asyncio.gather(*(session.close() for session in tuple(self._sessions.values())))

    async def _serve(self, session: Session) -> None:
        """Greet as Dask's listener does, and hand the session to the scheduler as a connection of its own."""
        listener = self._scheduler.listener
        if listener is None:  # the scheduler is closing
            session.abort()
            return
        try:
            await listener.on_connection(session)
        except CommClosedError:
            return
        self._scheduler.handle_comm(session)

    def _forget(self, session: str) -> None:
        self._sessions.pop(session, None)
