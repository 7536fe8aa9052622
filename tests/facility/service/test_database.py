"""The databases: whole or nothing, migrated once, put aside when damaged (F40), and honest about a full disk (F30)."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from facility.errors import ProfileError, StoreFailed
from facility.service.clock import SystemClock
from facility.service.database import Database, _prepare_sqlite, database_url, service_tables
from facility.service.operations.service import Operations
from facility.testing import until


def test_the_migrations_make_the_tables_that_the_code_names(database_address: str) -> None:
    """On both databases; nothing is left to be generated."""
    database = Database(database_address, "service")
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "service_version"})
        different = [change for change in compare_metadata(context, service_tables) if change[0] != "remove_index"]
    database.close()

    assert [] == different


def test_a_database_that_answers_nothing_keeps_nobody_waiting_for_long(database_address: str) -> None:
    """Every connection is taken by somebody who waits, as where the server is frozen; one that is free serves again."""
    database = Database(database_address, "service")
    with ExitStack() as waiting:
        for _ in range(15):  # SQLAlchemy's own numbers: five that are kept, ten more
            waiting.enter_context(database.reading())
        with pytest.raises(StoreFailed, match="answers none"), database.reading():
            pass
    with database.reading() as connection:
        found = connection.execute(text("SELECT 1")).scalar_one()
    database.close()

    assert 1 == found


def test_processes_that_start_at_once_migrate_once(database_address: str) -> None:
    """The others wait for the first."""
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: Database(database_address, "service"), range(4)))
    for database in databases:
        with database.reading() as connection:
            assert 0 == connection.execute(text("SELECT count(*) FROM operations")).scalar_one()
        database.close()


def test_a_file_that_several_begin_at_once_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses the change to its write-ahead log at once while another makes it: once, twice, then not."""
    refused: list[str] = []

    class Contended(sqlite3.Cursor):
        def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
            if "journal_mode" in statement and len(refused) < 2:
                refused.append(statement)
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(statement, *rest)

    class Connection(sqlite3.Connection):
        def cursor(self) -> sqlite3.Cursor:
            return super().cursor(Contended)

    with closing(sqlite3.connect(tmp_path / "new.sqlite3", factory=Connection)) as connection:
        _prepare_sqlite(connection, None)

    assert 2 == len(refused)


def test_a_writer_waits_for_another_one(database_address: str) -> None:
    """Forty transactions at once that read first and write then: none is refused, none is lost."""
    database = Database(database_address, "service")
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count(_: int) -> None:
        with database.writing() as connection:
            if database.is_shared:
                connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            n = connection.execute(text("SELECT n FROM counter")).scalar_one()
            connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    with database.reading() as connection:
        found = connection.execute(text("SELECT n FROM counter")).scalar_one()
    database.close()

    assert 40 == found


@pytest.mark.parametrize("damage", ["garbage", "page"])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    """What was in it lies beside it for whoever can read it; the service starts."""
    path = tmp_path / "service.sqlite3"
    database = Database(f"sqlite:///{path}", "service")
    asyncio.run(Operations(database, SystemClock()).add("a", "ana", {"n": "x" * 200_000}))
    database.close()
    if damage == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    else:
        pages = path.read_bytes()
        path.write_bytes(pages[:8192] + b"\xff" * 8192 + pages[16384:])
    again = Database(f"sqlite:///{path}", "service")
    kept = asyncio.run(Operations(again, SystemClock()).list(""))
    again.close()

    assert ((), True) == (kept, again.quarantined is not None and again.quarantined.exists())
    assert again.quarantined is not None
    assert again.quarantined.name.startswith("service.sqlite3.damaged-")


def test_a_file_that_cannot_be_opened_is_not_put_aside(tmp_path: Path) -> None:
    """A missing disk is no damage: somebody must look at it."""
    with pytest.raises(StoreFailed, match="look at its disk"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'service.sqlite3'}", "service")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://beamside:secret@db/x", "PGPASSFILE"),
        ("mysql://db/x", "not supported"),
        ("nonsense", "no database URL"),
    ],
)
def test_a_url_that_will_not_do_is_refused_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    """facility.toml is readable by everybody."""
    with pytest.raises(ProfileError, match=words) as refusal:
        database_url(url, tmp_path, "service")

    assert "secret" not in str(refusal.value)


def test_postgresql_is_reached_by_our_driver(tmp_path: Path) -> None:
    """Whatever SQLAlchemy's own default is."""
    assert database_url("postgresql:///beamside", tmp_path, "service") == "postgresql+psycopg:///beamside"
    assert database_url("", tmp_path, "identity") == f"sqlite:///{tmp_path}/identity.sqlite3"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs root that may mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.needs_root
async def test_a_full_disk_refuses_writes_and_serves_reads(small_disk: Path) -> None:
    """Until room is made; then the work that waited is done, and no result was lost."""
    database = await asyncio.to_thread(Database, f"sqlite:///{small_disk / 'service.sqlite3'}", "service")
    operations = Operations(database, SystemClock())
    before = await operations.add("a", "ana", {"n": 1})
    filler = small_disk / "filler"

    async def fill_and_end(operation, progress):
        await asyncio.to_thread(fill, filler)
        return {"result": "x" * 100_000}

    operations.handle("a", fill_and_end)
    work = asyncio.create_task(operations.run())
    await until(filler.exists)
    with pytest.raises(StoreFailed, match="is its disk full"):
        while True:
            await operations.add("b", "ana", {"n": "y" * 50_000})
    during = await operations.get(before.id, "ana")
    filler.unlink()
    ended = await operations.wait(before.id, 10)
    after = await operations.add("b", "ana", {"n": 2})
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    database.close()

    assert ("running", "completed", "new") == (during.state, ended.state, after.state)
    assert 100_000 == len(ended.result["result"])


def fill(path: Path) -> None:
    """Leave no room."""
    try:
        with path.open("wb") as file:
            while True:
                file.write(b"\0" * 4096)
                file.flush()
    except OSError:
        return
