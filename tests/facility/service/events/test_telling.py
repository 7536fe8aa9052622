"""Happenings over several processes: in one order, each once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.events.happening_store import KEPT, HappeningStore, Told
from facility.service.events.happenings import Happening
from facility.service.events.telling import Telling

NOW = SystemClock().now()


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """An empty database of the service."""
    database = Database(database_address, "service")
    yield database
    database.close()


def happening(cause: str) -> Happening:
    """Something."""
    return Happening("resource.status", (), {"name": "scratch", "words": "ümlaut"}, NOW, cause)


async def test_what_one_process_tells_every_process_hears_in_one_order(database: Database) -> None:
    """Each thing once, also where two saw it."""
    heard: list[list[Told]] = [[], []]
    processes = [Telling(HappeningStore(database), SystemClock()) for _ in heard]
    for process, here in zip(processes, heard, strict=True):
        process.hear(here.append)
    processes[0].tell(happening("a"))
    processes[1].tell(happening("b"))
    processes[1].tell(happening("a"))
    for process in (*processes, *processes):
        await process.carry()

    assert heard[0] == heard[1]
    assert ["a", "b"] == [told.happening.cause for told in heard[0]]
    assert happening("a") == heard[0][0].happening


async def test_a_process_that_starts_hears_the_last_day(database: Database) -> None:
    """Numbers are never given twice, also when everything older is forgotten."""
    store = HappeningStore(database)
    store.add([happening("old")], NOW - KEPT - timedelta(hours=1))
    store.add([happening("new")], NOW)
    heard: list[Told] = []
    late = Telling(store, SystemClock())
    late.hear(heard.append)
    await late.carry()

    assert [(2, "new")] == [(told.id, told.happening.cause) for told in heard]
    assert 2 == store.last()
