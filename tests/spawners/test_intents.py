"""The store of intents: what a killed hub left is there again, and secrets are not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.errors import FacilityError, StoreFailed
from facility.models import JobRequest
from spawners.intents import IntentStore, StoreInUse, matches

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=2), nodes=2, reservation="beam-042")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store lies."""
    return tmp_path / "state" / "intents.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[IntentStore]:
    """An empty store."""
    store = IntentStore(path)
    yield store
    store.close()


def test_an_intent_survives_its_process(path: Path) -> None:
    """Whatever was written is there for the next hub process, in the same words."""
    first = IntentStore(path)
    planned = first.plan("ana", "", REQUEST)
    first.submitted(planned.nonce, "4711")
    hub_id = first.hub_id
    first.close()

    second = IntentStore(path)
    found = second.all_open()
    second.close()

    assert [("ana", "", REQUEST, "4711", planned.planned)] == [
        (i.user, i.server, i.request, i.job_id, i.planned) for i in found
    ]
    assert hub_id == second.hub_id


def test_a_server_has_one_open_intent(store: IntentStore) -> None:
    """Two tabs, two clicks: the second finds the first's intent, so there will be one job."""
    first = store.plan("ana", "", REQUEST)

    assert first == store.plan("ana", "", JobRequest("als", "debug", "main", timedelta(minutes=5)))
    assert first.nonce != store.plan("ana", "second", REQUEST).nonce
    assert first.nonce != store.plan("ben", "", REQUEST).nonce


def test_secrets_are_kept_as_digests_only(store: IntentStore, path: Path) -> None:
    """Who reads the database learns no secret; who knows the secret is recognised."""
    intent = store.plan("ana", "", REQUEST)
    secret = store.renew_secret(intent.nonce)
    store.claimed(intent.nonce, host="nid001", port=40000, restarts=0, claimant="a-claimants-word")
    known = store.open_one("ana", "")

    assert known is not None
    assert matches(secret, known.secret_hash)
    assert not matches(secret + "x", known.secret_hash)
    assert not matches("", "")
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert secret.encode() not in raw
    assert b"a-claimants-word" not in raw


def test_the_store_is_its_owners_alone(store: IntentStore, path: Path) -> None:
    """Folder and file are closed to group and others."""
    store.plan("ana", "", REQUEST)

    assert 0o700 == path.parent.stat().st_mode & 0o777
    assert {0o600} == {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


def test_a_second_hub_process_is_refused(store: IntentStore, path: Path) -> None:
    """Two hubs on one store would submit twice; the second one says so and does not start."""
    with pytest.raises(StoreInUse, match="held by another hub process"):
        IntentStore(path)


def test_an_intent_that_ended_is_no_longer_found(store: IntentStore) -> None:
    """Its nonce stays known as ours, its secret is forgotten, and the server may be asked for again."""
    intent = store.plan("ana", "", REQUEST)
    store.renew_secret(intent.nonce)
    store.end(intent.nonce, "stopped")

    assert store.by_nonce(intent.nonce) is None
    assert store.is_known(intent.nonce)
    assert not store.is_known("0" * 20)
    assert intent.nonce != store.plan("ana", "", REQUEST).nonce
    with pytest.raises(FacilityError, match="ended meanwhile"):
        store.submitted(intent.nonce, "1")


@pytest.mark.parametrize("wrong", ["", "{", "[]", '{"walltime": "x"}', '{"walltime": 5}'])
def test_a_row_of_another_version_hides_no_other(store: IntentStore, path: Path, wrong: str) -> None:
    """A row that cannot be read is set aside with its reason; all others are found."""
    bad, good = store.plan("ana", "", REQUEST), store.plan("ben", "", REQUEST)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE intents SET request = ? WHERE nonce = ?", (wrong, bad.nonce))
    database.close()

    assert [good] == store.all_open()
    assert store.open_one("ana", "") is None


def test_a_server_whose_request_is_damaged_is_kept(store: IntentStore, path: Path) -> None:
    """Where job and address are known the server goes on; only what was asked for is forgotten."""
    intent = store.plan("ana", "", REQUEST)
    store.submitted(intent.nonce, "7")
    store.claimed(intent.nonce, host="nid001", port=40000, restarts=0, claimant="c" * 32)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE intents SET request = '{'")
    database.close()

    (kept,) = store.all_open()

    assert ("7", "nid001", 40000) == (kept.job_id, kept.host, kept.port)
    assert "" == kept.request.account


def test_a_store_that_takes_nothing_says_so(store: IntentStore, path: Path) -> None:
    """A full disk is told in words, and nothing is half written; with room again all is as ever."""
    store._database.execute(f"PRAGMA max_page_count = {store._database.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreFailed, match="store of servers does not take anything"):
        for number in range(1000):
            store.plan("ana", str(number), REQUEST)
    planned = len(store.all_open())
    store._database.execute("PRAGMA max_page_count = 100000")

    store.plan("ben", "", REQUEST)

    assert planned + 1 == len(store.all_open())


def test_what_a_later_version_adds_to_a_request_is_overlooked(store: IntentStore, path: Path) -> None:
    """After a downgrade the fields that this version knows still count."""
    intent = store.plan("ana", "", REQUEST)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE intents SET request = json_set(request, '$.new_thing', 1)")
    database.close()

    assert [intent] == store.all_open()


def test_how_a_server_ended_is_told_until_it_is_asked_for_again(store: IntentStore) -> None:
    """The last end has its name, words and next step; a new request hides it, and the end of that one replaces it."""
    assert store.last_end("ana", "") is None
    first = store.plan("ana", "", REQUEST)
    store.submitted(first.nonce, "7")

    assert store.end(first.nonce, "its walltime was used up.", kind="walltime", remedy="Start again.")
    assert not store.end(first.nonce, "stopped", kind="stopped")
    told = store.last_end("ana", "")
    assert told is not None
    assert ("7", "walltime", "its walltime was used up.", "Start again.") == (
        told.job_id, told.kind, told.words, told.remedy)  # fmt: skip
    store.plan("ana", "", REQUEST)
    assert store.last_end("ana", "") is None


def test_starts_that_failed_are_told_the_newest_first_and_others_are_not(store: IntentStore) -> None:
    """One that served, or that somebody stopped, did not fail to start."""
    began = datetime.now(UTC)
    for number, server in enumerate(("one", "two", "served", "stopped")):
        planned = store.plan("ana", server, REQUEST)
        store.submitted(planned.nonce, str(number))
        if server == "served":
            store.claimed(planned.nonce, host="nid001", port=4000, restarts=0, claimant="c")
        if server == "stopped":
            store.stop(planned.nonce)
        store.end(planned.nonce, f"{server} ended")

    failed = store.failed_starts(began, 10)

    assert [("two", "1", "two ended"), ("one", "0", "one ended")] == [(f.server, f.job_id, f.words) for f in failed]
    assert ["two"] == [start.server for start in store.failed_starts(began, 1)]
    assert [] == store.failed_starts(datetime.now(UTC), 10)


def test_a_store_of_the_version_before_is_read_on(path: Path) -> None:
    """Columns that it lacks are added, and what it holds goes on."""
    before = IntentStore(path)
    planned = before.plan("ana", "", REQUEST)
    before.close()
    with sqlite3.connect(path) as database:
        for column in ("kind", "remedy", "hint", "system"):
            database.execute(f"ALTER TABLE intents DROP COLUMN {column}")
    database.close()

    after = IntentStore(path)
    assert [planned] == after.all_open()
    assert "walltime" == after.note(planned.nonce, "walltime").hint
    after.close()


def test_what_names_no_system_belongs_to_the_first(store: IntentStore) -> None:
    """A version that knew of one system wrote none; what names one stays there."""
    store.plan("ana", "", REQUEST)
    store.plan("ana", "second", REQUEST, "beta")

    store.name_system("alpha")

    assert [("", "alpha"), ("second", "beta")] == [(intent.server, intent.system) for intent in store.all_open()]


def test_the_version_before_reads_on_what_this_one_wrote(path: Path) -> None:
    """Its columns are all there under their names, and its own insert works."""
    store = IntentStore(path)
    store.plan("ana", "", REQUEST, "beta")
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO intents (nonce, user, server, request, planned) VALUES ('n', 'ben', '', '{}', 1)")
        found = database.execute("SELECT user, system FROM intents ORDER BY user").fetchall()
    database.close()

    assert [("ana", "beta"), ("ben", "")] == found
