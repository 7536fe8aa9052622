"""The hub's own store waits for the disk where a start stands on it, and nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from facility.errors import StoreFailed
from facility.models import JobRequest
from spawners.database import Database
from spawners.intents import IntentStore

FULL = 2
"""PRAGMA synchronous: each commit waits for the disk."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A file with one table."""
    connection = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None, factory=Database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE notes (text TEXT)")
    yield connection
    connection.close()


def test_what_is_jotted_down_is_there_for_the_next_process(database: Database, tmp_path: Path) -> None:
    """Not waiting for the disk is no delay: another connection reads it at once."""
    database.jot("INSERT INTO notes VALUES (?)", ("first",))
    other = sqlite3.connect(tmp_path / "store.sqlite")
    found = other.execute("SELECT text FROM notes").fetchall()
    other.close()

    assert [("first",)] == found


@pytest.mark.parametrize("statement", ["INSERT INTO notes VALUES ('first')", "INSERT INTO no_table VALUES (1)"])
def test_after_it_every_commit_waits_again(database: Database, statement: str) -> None:
    """Also where it failed."""
    try:
        database.jot(statement)
    except StoreFailed as error:
        assert "no such table" in str(error)

    assert FULL == database.execute("PRAGMA synchronous").fetchone()[0]


def test_a_wish_is_on_the_disk_before_its_job_and_a_claim_before_its_answer(tmp_path: Path) -> None:
    """Of all that a start writes these two are waited for; what lies before them goes along."""
    store = IntentStore(tmp_path / "intents.sqlite")
    said: list[str] = []
    store._database.set_trace_callback(said.append)
    nonce = store.plan("ana", "", JobRequest("ncem", "debug", "main", timedelta(hours=1))).nonce
    store.renew_secret(nonce)
    store.submitted(nonce, "7")
    store.claimed(nonce, host="n1", port=4000, restarts=0, claimant="me")
    store.close()

    waits, waited = True, []
    for statement in said:
        if statement.startswith("PRAGMA synchronous"):
            waits = statement.endswith("FULL")
        elif statement.startswith(("INSERT", "UPDATE")):
            waited.append(waits)
    assert [False, True, False, True] == waited
