"""The identity database across versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.errors import NotAllowed, NotFound, NotSignedIn
from facility.service.caller import Caller
from facility.service.database import Database
from facility.service.identity.issuer import Login
from facility.service.identity.proofs import Delegation, Proofs
from facility.service.identity.requests import LinkRequests
from facility.service.identity.store import MOST_CLIENTS, Client, Link, Store
from facility.service.scopes import PERSONAL

FIRST_VERSION = """
CREATE TABLE links (id INTEGER PRIMARY KEY, issuer VARCHAR(500) NOT NULL, subject VARCHAR(255) NOT NULL,
    user VARCHAR(32) NOT NULL, linked_at DATETIME NOT NULL, linked_by VARCHAR(32) NOT NULL,
    CONSTRAINT one_account_per_login UNIQUE (issuer, subject));
CREATE TABLE clients (id VARCHAR(64) PRIMARY KEY, owner VARCHAR(32) NOT NULL, scope VARCHAR(16) NOT NULL,
    public_key VARCHAR(4000) NOT NULL, created_at DATETIME NOT NULL);
CREATE TABLE used_assertions (client VARCHAR(64), jti VARCHAR(255), expires_at DATETIME NOT NULL,
    PRIMARY KEY (client, jti));
CREATE TABLE identity_version (version_num VARCHAR(32) PRIMARY KEY);
INSERT INTO identity_version VALUES ('0001');
INSERT INTO links VALUES (1, 'https://i', 's', 'ana', '2026-01-01', 'operator');
INSERT INTO clients VALUES ('hub', 'beamside', 'hub', 'PEM', '2026-01-01'), ('cli', 'ana', 'user', 'PEM', '2026-01-01');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database lies."""
    return tmp_path / "identity.sqlite3"


def test_the_tables_of_the_first_version_are_taken_over(path: Path) -> None:
    """Links and clients stay what they were; the hub is still a hub, and a person's key still for everything."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_VERSION)
    with closing(Database(f"sqlite:///{path}", "identity")) as database:
        store = Store(database)
        hub, key = store.client("hub"), store.client("cli")

        assert Link("https://i", "s", "ana") == store.link("https://i", "s")
        assert (True, frozenset({"hub"}), PERSONAL) == (hub.is_hub, hub.allowed(PERSONAL), key.allowed(PERSONAL))
        assert datetime(2026, 1, 1, tzinfo=UTC) == key.created


def test_one_person_has_so_many_keys_at_most(path: Path) -> None:
    """A loop that registers keys ends."""
    with closing(Database(f"sqlite:///{path}", "identity")) as database:
        store = Store(database)
        for number in range(MOST_CLIENTS):
            store.add_client(Client(f"key{number}", "ana", "jobs", "PEM"))

        with pytest.raises(NotAllowed, match="revoke one"):
            store.add_client(Client("one-more", "ana", "jobs", "PEM"))
        store.add_client(Client("bens", "ben", "jobs", "PEM"))


@pytest.fixture
def either(database_address: str) -> Iterator[Database]:
    """An empty identity database, on SQLite and on PostgreSQL."""
    with closing(Database(database_address, "identity")) as database:
        yield database


def test_links_and_clients_are_kept_on_either_database(either: Database) -> None:
    """A link is never moved, an id never given again, an assertion used once."""
    store, soon = Store(either), datetime.now(UTC) + timedelta(minutes=5)
    store.add_link(Link("https://i", "s", "ana"), "operator")
    made = store.add_client(Client("key", "ana", "jobs", "PEM", "n", ("192.0.2.0/24",), soon))
    store.use_assertion("key", "1", soon)

    assert made == store.client("key")
    with pytest.raises(NotAllowed):
        store.add_link(Link("https://i", "s", "ben"), "operator")
    with pytest.raises(NotSignedIn):
        store.use_assertion("key", "1", soon)
    store.revoke_client("key", "ana")
    with pytest.raises(NotAllowed, match="taken"):
        store.add_client(Client("key", "ana", "jobs", "PEM"))


def test_a_new_link_is_shown_at_once(path: Path) -> None:
    """What was asked a moment ago is shown without asking again, until something is linked or parted."""
    with closing(Database(f"sqlite:///{path}", "identity")) as database:
        store, link = Store(database), Link("https://i", "s", "ana")

        assert (None, []) == (store.known_links_of("ana"), store.links_of("ana"))
        assert [] == store.known_links_of("ana")
        store.add_link(link, "operator")
        assert (None, [link]) == (store.known_links_of("ana"), store.links_of("ana"))
        store.remove_link(link)
        assert (None, []) == (store.known_links_of("ana"), store.links_of("ana"))


def test_proofs_and_requests_are_kept_on_either_database(either: Database) -> None:
    """Revoking ends what was made from it; a code is good once."""
    proofs, requests, soon = Proofs(either), LinkRequests(either), datetime.now(UTC) + timedelta(minutes=5)
    secret = proofs.delegate(Delegation("ana", "key", frozenset({"ls", "read"}), soon), "token-1")
    caller = Caller("ana", PERSONAL, "key", soon)
    code = requests.add(Login("https://i", "s", "Ana")).code

    assert Delegation("ana", "key", frozenset({"ls", "read"}), soon) == proofs.delegation(secret)
    proofs.revoke("token-1", soon)
    proofs.revoke("token-1", soon)
    assert (True, False) == tuple(proofs.is_revoked(jti, caller) for jti in ("token-1", "token-2"))
    with pytest.raises(NotSignedIn):
        proofs.delegation(secret)
    assert "s" == requests.take(code).subject
    with pytest.raises(NotFound):
        requests.take(code)
