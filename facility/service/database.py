"""The service's databases: SQLite in a file (WAL) or PostgreSQL by URL, brought to this version's tables at the start.

Two lineages of tables, each in a database of its own: `identity` (logins, clients, what a token's maker must know) and
`service` (operations, outages, what everybody else must know). Everything here blocks: the service calls it in threads.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from facility.errors import ProfileError, StoreFailed, StoreFull

log = logging.getLogger(__name__)

Lineage = Literal["identity", "service"]
service_tables = MetaData()
"""The tables of the `service` lineage; each is defined by the module that keeps it."""

BUSY_SECONDS = 5  # that SQLite waits for another writer, and whoever asks for a connection that is free
MIGRATING = 0x6265616D  # the advisory lock of PostgreSQL under which one process at a time migrates
FULL = re.compile("disk|space")  # in the words of SQLite and PostgreSQL about a disk without room
DAMAGED = ("malformed", "not a database")  # SQLITE_CORRUPT and SQLITE_NOTADB, in SQLite's own words


class Moment(TypeDecorator[datetime]):
    """A time in UTC; SQLite keeps no zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """See TypeDecorator."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Database:
    """One database of one lineage.

    Parameters
    ----------
    url : what SQLAlchemy calls a database URL; see `database_url`.
    lineage : whose tables it holds.

    Raises StoreFailed where it cannot be opened. A damaged SQLite file is put aside, under a name with the time, and a
    new one is begun; `quarantined` names it then.
    """

    def __init__(self, url: str, lineage: Lineage) -> None:
        self.name = f"the {lineage} database"
        self.quarantined: Path | None = None
        try:
            _migrate(url, lineage)
        except DatabaseError as error:
            if not _is_damaged(error):
                raise StoreFailed(f"{self.name} cannot be opened: {_words(error)}; look at its disk") from error
            self.quarantined = _put_aside(url)
            log.error("%s was damaged (%s); it lies as %s", self.name, _words(error), self.quarantined)
            _migrate(url, lineage)
        self._engine = _engine(url, pool_timeout=BUSY_SECONDS)
        self._in_use = 0
        self._free = threading.Condition()

    def close(self) -> None:
        """Close the connections; one that a thread still uses is waited for, a few seconds at most."""
        with self._free:
            self._free.wait_for(lambda: self._in_use == 0, BUSY_SECONDS)
        self._engine.dispose()

    @contextmanager
    def _used(self) -> Iterator[None]:
        with self._free:
            self._in_use += 1
        try:
            yield
        finally:
            with self._free:
                self._in_use -= 1
                self._free.notify_all()

    @property
    def is_shared(self) -> bool:
        """Whether processes of other machines may use it too."""
        return self._engine.dialect.name != "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises StoreFailed."""
        try:
            with self._used(), self._engine.connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeout) as error:
            raise StoreFailed(f"{self.name} cannot be read: {_words(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: all of it, or nothing.

        Raises StoreFailed, StoreFull where its words are those of a full disk, and IntegrityError as it comes.
        """
        try:
            with self._used(), self._engine.execution_options(writes=True).begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeout) as error:
            words = _words(error)
            what = f"{self.name} cannot be written: {words}"
            if FULL.search(words):
                raise StoreFull(f"{what}; is its disk full?") from error
            raise StoreFailed(what) from error


def database_url(configured: str, state: Path, lineage: Lineage) -> str:
    """The configured URL with our PostgreSQL driver; where it is empty, a SQLite file in the state directory.

    Raises ProfileError for a URL that is none, or that holds a password: facility.toml is not the place for one.
    """
    if not configured:
        return f"sqlite:///{state / f'{lineage}.sqlite3'}"
    try:
        url = make_url(configured)
    except ArgumentError as error:
        raise ProfileError(f"{configured!r} is no database URL, such as postgresql:///beamside") from error
    if url.password:
        raise ProfileError("a database URL must hold no password: use a Unix socket, or a file that PGPASSFILE names")
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ProfileError(f"{url.drivername} is not supported: use postgresql://… or sqlite:///…")
    return url.render_as_string(hide_password=False)


def _engine(url: str, **options: type[NullPool] | int) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), **options)
    except ModuleNotFoundError as error:
        raise ProfileError('PostgreSQL needs its driver: pip install "beamside[postgresql]"') from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: object, _: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy types a driver's connection as object
    cursor = connection.cursor()  # type: ignore[attr-defined]  # likewise
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    _use_wal(cursor)  # the commands write while the service reads
    cursor.execute("PRAGMA synchronous=FULL")  # what was answered is kept, also when the power fails
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Ask until it is granted: of several that open a new file at once SQLite refuses some without waiting."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at the beginning: one that read first and writes then would be refused, not kept waiting."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(url: str, lineage: Lineage) -> None:
    """Bring the tables to this version, one process at a time; does nothing where they are."""
    here = Path(__file__).with_name("migrations")
    config = Config()
    config.set_main_option("script_location", str(here).replace("%", "%%"))
    config.set_main_option("version_locations", str(here / lineage).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    engine = _engine(url, poolclass=NullPool)
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "sqlite":
            _check_pages(connection)
        else:  # SQLite's writers queue anyway
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        config.attributes.update(connection=connection, version_table=f"{lineage}_version")
        command.upgrade(config, "heads")


def _check_pages(connection: Connection) -> None:
    """Look at every page of a SQLite file, so that damage is met now and not by somebody's request."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise DatabaseError("PRAGMA quick_check", None, sqlite3.DatabaseError(f"{DAMAGED[0]}: {found}"))


def _put_aside(url: str) -> Path:
    """Rename a damaged SQLite file with its journal; the new name comes back."""
    path = Path(make_url(url).database or "")
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
    for tail in ("", "-wal", "-shm"):
        if (part := Path(f"{path}{tail}")).exists():
            part.rename(f"{aside}{tail}")
    return aside


def _is_damaged(error: DatabaseError) -> bool:
    return not isinstance(error, OperationalError) and any(words in _words(error) for words in DAMAGED)


def _words(error: DBAPIError | PoolTimeout) -> str:
    """The driver's own words: the first line, which holds neither the statement nor its values."""
    if isinstance(error, PoolTimeout):
        return "it answers none of the questions that it was asked before"
    return next(iter(str(error.orig).strip().splitlines()), type(error).__name__)
