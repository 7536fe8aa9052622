"""JupyterHub's own database where its disk takes nothing: looks go on, changes are refused with the reason.

Both hooks are SQLAlchemy's own events: of the engine for errors, of the session for what it is about to write.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from sqlalchemy import event, inspect
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from tornado.web import HTTPError

from hub_ext.pages.overview import Fault

log = logging.getLogger("beamside.storage")

SEEN = "last_activity"
"""What JupyterHub notes of people, tokens and servers when they are heard of; worth less than an answer to them."""

ROOM = 2**16
"""Bytes that a change takes: some pages of the database and its journal."""

AGAIN = 1.0
"""Seconds for which one look at the disk counts; where there is no disk to look at, ten times as long."""

WORDS = (
    "The hub cannot write anything down: {why}. Nothing was started or changed; servers that run go on. Try again in a"
    " few minutes. The people who run this hub see it on their page."
)


class CannotStore(HTTPError, SQLAlchemyError):
    """A change that the hub's database did not take: 507 (RFC 4918, section 11.5) with the reason.

    JupyterHub answers with what the one says, and takes back what the other left half done.
    """

    def __init__(self, why: str) -> None:
        HTTPError.__init__(self, HTTPStatus.INSUFFICIENT_STORAGE, WORDS.format(why=why))
        self.jupyterhub_message = WORDS.format(why=why)


class Storage:
    """Watches over the hub's database session while the hub lives.

    session : JupyterHub's one session, whose engine says where the database is.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        engine = session.get_bind().engine
        name = engine.url.database if engine.dialect.name == "sqlite" else ""
        self._folder = Path(name).resolve().parent if name and name != ":memory:" else None
        self._why = ""  # why it takes nothing; empty while it does
        self._since = datetime.now(UTC)
        self._looked = 0.0
        event.listen(engine, "handle_error", self._refuse)
        event.listen(session, "before_flush", self._forget_who_was_seen)

    @property
    def fault(self) -> Fault | None:
        """For the operators' page."""
        return Fault("the hub's database", "down", self._since, self.why_not) if self.why_not else None

    @property
    def why_not(self) -> str:
        """Why nothing can be written at this moment; empty where it can. Costs a system call while all is well."""
        if (self._why or self._is_short()) and time.monotonic() - self._looked > (
            AGAIN if self._folder else 10 * AGAIN
        ):
            self._note(self._try())
        return self._why

    def _is_short(self) -> bool:
        if self._folder is None:
            return False
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize < ROOM

    def _try(self) -> str:
        """Write beside the database what a change would take; why that cannot be, or nothing."""
        if self._folder is None:
            return ""  # the next change tries it
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(bytes(ROOM))
                file.flush()
        except OSError as error:
            return f"its disk takes nothing ({error.strerror})"
        return ""

    def _note(self, why: str) -> None:
        self._looked = time.monotonic()
        if why and not self._why:
            self._since = datetime.now(UTC)
            log.error("the hub's database takes nothing, changes are refused until it does: %s", why)
        elif self._why and not why:
            log.info("the hub's database can be written again")
        self._why = why

    def _refuse(self, context: ExceptionContext) -> CannotStore | None:
        """Raised in the place of the database's own error, where that says that there is no room."""
        error = context.sqlalchemy_exception
        if not isinstance(error, DBAPIError) or not is_out_of_room(error.orig):
            return None
        self._note(f"its disk takes nothing ({error.orig})")
        asyncio.get_running_loop().call_soon(self._settle)
        return CannotStore(self._why)

    def _settle(self) -> None:
        """Let the session go on where whoever caught the error did not; until then it takes nothing at all."""
        if not self._session.is_active:
            self._session.rollback()

    def _forget_who_was_seen(self, session: Session, *_: object) -> None:
        """While nothing can be written, a look must not fail because it was about to be noted."""
        if not self.why_not:
            return
        for thing in session.dirty:
            changed = {part.key for part in inspect(thing).attrs if part.history.has_changes()}
            if changed == {SEEN}:
                set_committed_value(thing, SEEN, getattr(thing, SEEN))


def is_out_of_room(error: BaseException | None) -> bool:
    """Whether a database's own error says that its disk takes nothing.

    SQLite: full, unable to write, to open its journal, or read-only (sqlite.org/rescode.html). PostgreSQL: disk full
    (its manual, appendix A).
    """
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    word = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return primary in {13, 10, 14, 8} or word == "53100"
