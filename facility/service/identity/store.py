"""Who is who: (issuer, subject) -> local account, and the keys of clients. In a database of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from facility.errors import NotAllowed, NotFound, NotSignedIn
from facility.service.database import Database
from facility.service.identity.remembered import Fresh
from facility.service.identity.tables import clients, links, used_assertions
from facility.service.scopes import HUB, USER, read_scopes

MOST_CLIENTS = 50
"""Keys that one person may have at a time."""


@dataclass(frozen=True)
class Link:
    """A login at the home institution, and the local account it is."""

    issuer: str
    subject: str
    user: str
    uid: int | None = field(default=None, compare=False)  # None: linked before that was kept
    how: str = field(default="", compare=False)  # code, wish or operator
    assurance: tuple[str, ...] = field(default=(), compare=False)  # of the login when it was linked
    institution: str = field(default="", compare=False)
    linked: datetime | None = field(default=None, compare=False)
    linked_by: str = field(default="", compare=False)


@dataclass(frozen=True)
class Client:
    """A program with a key: a person's own, or a hub (scopes "hub")."""

    id: str
    owner: str
    scopes: str  # space separated; "user": whatever the site lets a person's token hold
    public_key: str  # PEM
    name: str = ""
    networks: tuple[str, ...] = ()  # from where tokens may be asked for, CIDR; none: from everywhere
    expires: datetime | None = None
    created: datetime | None = None

    @property
    def is_hub(self) -> bool:
        """Whether it reads for everybody and may exchange logins."""
        return self.scopes == HUB

    def allowed(self, ceiling: frozenset[str]) -> frozenset[str]:
        """The scopes that its tokens may hold at a site with this ceiling."""
        if self.is_hub:
            return frozenset({HUB})
        return ceiling if self.scopes == USER else read_scopes(self.scopes) & ceiling


class Store:
    """Links, clients, and the assertions that were used. Short and blocking; the service calls it in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links = Fresh[str, list[Link]]()

    def link(self, issuer: str, subject: str) -> Link | None:
        """Whose account this login is; None where it is not linked. Both are compared exactly, never by e-mail."""
        query = select(links).where(links.c.issuer == issuer, links.c.subject == subject)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return _link(row) if row else None

    def links_of(self, user: str) -> list[Link]:
        """The logins of one account, in the order they were linked."""
        query = select(links).where(links.c.user == user).order_by(links.c.id)
        with self._database.reading() as connection:
            return self._links.put(user, [_link(row) for row in connection.execute(query)])

    def known_links_of(self, user: str) -> list[Link] | None:
        """The same without asking the database; None where it was not asked in the last 30 seconds. Never waits.

        For showing only: what another process linked meanwhile is not in it.
        """
        return self._links.get(user)

    def add_link(self, link: Link, linked_by: str) -> None:
        """Link a login; the same link again is no error. Raises NotAllowed where it belongs to another account."""
        row = {
            "issuer": link.issuer,
            "subject": link.subject,
            "user": link.user,
            "linked_by": linked_by,
            "uid": link.uid,
            "how": link.how,
            "assurance": " ".join(link.assurance),
            "institution": link.institution,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(links).values(**row, linked_at=datetime.now(UTC)))
            self._links.clear()
        except IntegrityError as error:
            known = self.link(link.issuer, link.subject)
            if known != link:
                raise NotAllowed("this login is linked to another account; an administrator must look at it") from error

    def remove_link(self, link: Link) -> None:
        """Part a login from its account. Raises NotFound where it is not linked to this one."""
        its = (links.c.issuer == link.issuer, links.c.subject == link.subject, links.c.user == link.user)
        with self._database.writing() as connection:
            removed = connection.execute(delete(links).where(*its)).rowcount
        self._links.clear()
        if not removed:
            raise NotFound(f"this login is not linked to {link.user}")

    def client(self, client_id: str) -> Client:
        """A registered client that is alive. Raises NotFound for one that ended or was revoked too."""
        with self._database.reading() as connection:
            row = connection.execute(select(clients).where(clients.c.id == client_id)).one_or_none()
        if row is None or not _is_alive(row):
            raise NotFound(f"no client is registered as {client_id!r}")
        return _client(row)

    def clients_of(self, owner: str) -> list[Client]:
        """One person's clients that are alive, the oldest first."""
        query = select(clients).where(clients.c.owner == owner).order_by(clients.c.created_at, clients.c.id)
        with self._database.reading() as connection:
            return [_client(row) for row in connection.execute(query) if _is_alive(row)]

    def add_client(self, client: Client) -> Client:
        """Register a client; the same again is no error. Raises NotAllowed where the id is or was another's."""
        client = replace(client, created=datetime.now(UTC))
        row = {
            "id": client.id,
            "owner": client.owner,
            "scopes": client.scopes,
            "public_key": client.public_key,
            "created_at": client.created,
            "name": client.name,
            "networks": " ".join(client.networks),
            "expires_at": client.expires,
        }
        if len(self.clients_of(client.owner)) >= MOST_CLIENTS:
            raise NotAllowed(f"{client.owner} has {MOST_CLIENTS} clients already; revoke one first")
        try:
            with self._database.writing() as connection:
                connection.execute(insert(clients).values(**row))
        except IntegrityError as error:
            known = self._any_client(client.id)
            if known is None or replace(known, created=client.created) != client:
                raise NotAllowed(f"the client id {client.id} is taken; choose another") from error
            return known
        return client

    def revoke_client(self, client_id: str, owner: str) -> None:
        """End a client for good; its id is never given again. Raises NotFound where it is none of the owner's."""
        its = (clients.c.id == client_id, clients.c.owner == owner, clients.c.revoked_at.is_(None))
        with self._database.writing() as connection:
            ended = connection.execute(update(clients).where(*its).values(revoked_at=datetime.now(UTC))).rowcount
        if not ended:
            raise NotFound(f"you have no client {client_id[:64]!r}")

    def use_assertion(self, client_id: str, jti: str, expires_at: datetime) -> None:
        """Note that a signed assertion was used. Raises NotSignedIn the second time (RFC 7523, section 3)."""
        row = {"client": client_id, "jti": jti, "expires_at": expires_at}
        try:
            with self._database.writing() as connection:
                connection.execute(delete(used_assertions).where(used_assertions.c.expires_at < datetime.now(UTC)))
                connection.execute(insert(used_assertions).values(**row))
        except IntegrityError as error:
            raise NotSignedIn("this client assertion was used before; sign a new one") from error

    def _any_client(self, client_id: str) -> Client | None:
        try:
            return self.client(client_id)
        except NotFound:
            return None


def _link(row: Row[Any]) -> Link:
    assurance = tuple(row.assurance.split())
    return Link(
        row.issuer, row.subject, row.user, row.uid, row.how, assurance, row.institution, row.linked_at, row.linked_by
    )


def _is_alive(row: Row[Any]) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > datetime.now(UTC))


def _client(row: Row[Any]) -> Client:
    networks = tuple(row.networks.split())
    return Client(
        row.id, row.owner, row.scopes, row.public_key, row.name, networks, row.expires_at, created=row.created_at
    )
