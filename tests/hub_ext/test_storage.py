"""JupyterHub's database without room: what is refused, what is let go, and which errors mean it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub import orm
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub_ext.storage import CannotStore, Storage, is_out_of_room

SEEN = datetime(2026, 1, 2)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """JupyterHub's own tables, with one person."""
    made: Session = orm.new_session_factory(f"sqlite:///{tmp_path / 'hub.sqlite'}")()
    made.add(orm.User(name="ana"))
    made.commit()
    yield made
    made.close()
    made.get_bind().engine.dispose()


def ana(session: Session) -> orm.User:
    """That person, as the database says."""
    return session.query(orm.User).one()


async def test_a_change_without_room_is_refused_with_its_reason_and_the_session_goes_on(session: Session) -> None:
    """The caller reads 507 and what to do; who catches it and goes on finds a session that works."""
    storage = Storage(session)
    (pages,) = session.execute(text("PRAGMA page_count")).one()
    session.execute(text(f"PRAGMA max_page_count = {pages}"))
    session.add(orm.User(name="x" * 100_000))

    with pytest.raises(CannotStore) as refused:
        session.commit()
    await asyncio.sleep(0)

    assert (507, True) == (refused.value.status_code, "database or disk is full" in refused.value.jupyterhub_message)
    assert "ana" == ana(session).name
    assert storage.fault is not None and "disk" in storage.fault.words


async def test_who_was_seen_is_let_go_while_nothing_can_be_written(session: Session, tmp_path: Path) -> None:
    """It stays in memory and is not written; with room it is written again."""
    storage = Storage(session)
    storage._note("its disk takes nothing")
    ana(session).last_activity = SEEN
    session.commit()

    with sqlite3.connect(tmp_path / "hub.sqlite") as beside:
        assert [(None,)] == beside.execute("SELECT last_activity FROM users").fetchall()
        storage._looked -= 60  # the next look at the disk finds room
        ana(session).last_activity = SEEN.replace(year=2027)
        session.commit()
        assert [(2027,)] == beside.execute("SELECT CAST(last_activity AS INTEGER) FROM users").fetchall()
    beside.close()
    assert storage.fault is None


async def test_other_errors_stay_what_they_are(session: Session) -> None:
    """A mistake in a statement is no full disk."""
    storage = Storage(session)

    with pytest.raises(OperationalError, match="no such table"):
        session.execute(text("SELECT * FROM nowhere"))
    assert storage.fault is None


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (SimpleNamespace(sqlite_errorcode=13), True),
        (SimpleNamespace(sqlite_errorcode=778), True),  # unable to write
        (SimpleNamespace(sqlite_errorcode=5), False),  # locked
        (SimpleNamespace(pgcode="53100"), True),
        (SimpleNamespace(sqlstate="53100"), True),
        (SimpleNamespace(sqlstate="53300"), False),  # too many connections
        (None, False),
    ],
)
def test_codes_of_both_databases(error: object, is_it: bool) -> None:
    """As their manuals list them."""
    assert is_it is is_out_of_room(error)  # type: ignore[arg-type]  # only its codes are read
