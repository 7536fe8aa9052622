"""What has been revoked, and the delegations by which something may be done after a token has ended."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, insert, select, union_all
from sqlalchemy.exc import IntegrityError

from facility.errors import NotSignedIn
from facility.service.caller import Caller
from facility.service.database import Database
from facility.service.identity.tables import clients, delegations, ended_logins, revoked_tokens
from facility.service.identity.tokens import LIFETIME
from facility.service.scopes import HUB

LONGEST_DELEGATION = timedelta(hours=48)


@dataclass(frozen=True)
class Delegation:
    """Leave to do certain things as somebody, until it ends."""

    user: str
    client: str
    verbs: frozenset[str]
    expires: datetime


class Proofs:
    """Revocations and delegations. Short and blocking; the service calls it in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_revoked(self, jti: str, caller: Caller) -> bool:
        """Whether this token, the client it was given to, or the login that a hub got it for, has ended."""
        ends = [select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == jti), _ended(caller.client)]
        if not caller.is_hub:  # a hub's own token stands for nobody's login, whoever registered the hub
            began = caller.expires - LIFETIME
            login = select(ended_logins.c.user).where(
                ended_logins.c.user == caller.user, ended_logins.c.ended_at >= began, _is_hub(caller.client)
            )
            ends.append(login)
        with self._database.reading() as connection:
            return connection.execute(union_all(*ends)).first() is not None

    def end_logins(self, user: str) -> None:
        """End what hubs have got for somebody's logins until now; keys of the person's own are not touched."""
        hubs = select(clients.c.id).where(clients.c.scopes == HUB)
        with self._database.writing() as connection:
            connection.execute(delete(delegations).where(delegations.c.user == user, delegations.c.client.in_(hubs)))
            connection.execute(delete(ended_logins).where(ended_logins.c.user == user))
            connection.execute(insert(ended_logins).values(user=user, ended_at=_now()))

    def revoke(self, jti: str, expires: datetime) -> None:
        """End a token, and the delegations that were made from it."""
        with self._database.writing() as connection:
            connection.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < _now() - timedelta(hours=1)))
            connection.execute(delete(delegations).where(delegations.c.token == jti))
            connection.execute(delete(revoked_tokens).where(revoked_tokens.c.jti == jti))
            connection.execute(insert(revoked_tokens).values(jti=jti, expires_at=expires))

    def delegate(self, granted: Delegation, token: str) -> str:
        """Store a delegation made from the token of that jti; the secret that comes back is kept nowhere here."""
        secret = secrets.token_urlsafe(32)
        row = {
            "hash": _hash(secret),
            "user": granted.user,
            "client": granted.client,
            "token": token,
            "verbs": " ".join(sorted(granted.verbs)),
            "expires_at": granted.expires,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(delete(delegations).where(delegations.c.expires_at < _now()))
                connection.execute(insert(delegations).values(**row))
        except IntegrityError as error:  # 2**-256
            raise NotSignedIn("the delegation could not be made; ask again") from error
        return secret

    def delegation(self, secret: str) -> Delegation:
        """What a secret gives leave for. Raises NotSignedIn for one that ended, was revoked, or never was."""
        with self._database.reading() as connection:
            row = connection.execute(select(delegations).where(delegations.c.hash == _hash(secret))).one_or_none()
            ended = row is None or row.expires_at <= _now() or connection.execute(_ended(row.client)).first()
        if row is None or ended:
            raise NotSignedIn("the delegation has ended or was revoked; start the work anew")
        return Delegation(row.user, row.client, frozenset(row.verbs.split()), row.expires_at)

    def end_delegation(self, secret: str) -> None:
        """End a delegation; one that has ended is no error."""
        with self._database.writing() as connection:
            connection.execute(delete(delegations).where(delegations.c.hash == _hash(secret)))

    def end_delegations_of(self, client: str) -> None:
        """End what was made with one client's tokens."""
        with self._database.writing() as connection:
            connection.execute(delete(delegations).where(delegations.c.client == client))


def _ended(client: str) -> Select[tuple[str]]:
    return select(clients.c.id).where(clients.c.id == client, clients.c.revoked_at.is_not(None))


def _is_hub(client: str) -> ColumnElement[bool]:
    return exists(select(clients.c.id).where(clients.c.id == client, clients.c.scopes == HUB))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
