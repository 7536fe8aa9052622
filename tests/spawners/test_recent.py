"""Answers that are kept until the store changes, whoever changes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamside.demo.processes import wait_until
from spawners.recent import Recent


class Counted:
    """A question to the database that counts how often it is put."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.times = 0

    def __call__(self) -> int | None:
        """The number that is stored, if any."""
        self.times += 1
        found = self._database.execute("SELECT number FROM numbers").fetchone()
        return None if found is None else int(found[0])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A store of one number, empty yet."""
    opened = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    opened.execute("CREATE TABLE numbers (number INTEGER)")
    yield opened
    opened.close()


def test_a_question_is_put_once_while_nothing_changes(database: sqlite3.Connection) -> None:
    """The same answer again; another key has its own."""
    database.execute("INSERT INTO numbers VALUES (7)")
    recent, read = Recent(database), Counted(database)

    assert [7] * 3 == [recent.ask("a", read) for _ in range(3)]
    assert 1 == read.times
    assert 7 == recent.ask("b", read)
    assert 2 == read.times


def test_what_is_not_there_is_not_kept(database: sqlite3.Connection) -> None:
    """Whoever asks for what was never there leaves nothing in memory, however often and for whatever."""
    recent, read = Recent(database), Counted(database)

    assert [None] * 2 == [recent.ask("a", read) for _ in range(2)]
    assert 2 == read.times


def test_what_was_written_here_is_answered_once_it_is_said(database: sqlite3.Connection) -> None:
    """A write of this connection makes those answers void that it names, or all; the others are not asked again."""
    database.execute("INSERT INTO numbers VALUES (6)")
    recent, read = Recent(database), Counted(database)
    recent.ask("a", read)
    recent.ask("b", read)

    database.execute("UPDATE numbers SET number = 7")
    recent.forget("a", "unknown")

    assert (7, 6) == (recent.ask("a", read), recent.ask("b", read))
    recent.forget_all()
    assert 7 == recent.ask("b", read)


def test_what_another_connection_wrote_is_answered_soon(database: sqlite3.Connection, tmp_path: Path) -> None:
    """An operator who mends the store by hand is heard too."""
    database.execute("INSERT INTO numbers VALUES (7)")
    recent, read = Recent(database), Counted(database)
    recent.ask("a", read)

    with sqlite3.connect(tmp_path / "store.sqlite") as other:
        other.execute("UPDATE numbers SET number = 8")
    other.close()

    wait_until(lambda: recent.ask("a", read) == 8, seconds=30, otherwise=lambda: "what was written is not seen")


def test_a_failed_question_is_put_again(database: sqlite3.Connection) -> None:
    """A question that ends in an error leaves no answer behind."""
    recent = Recent(database)

    def fail() -> int:
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        recent.ask("a", fail)
    assert 5 == recent.ask("a", lambda: 5)
