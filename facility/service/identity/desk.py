"""Everything that the process serving identity holds; no other process has the keys or the database."""

from __future__ import annotations

import asyncio
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from facility.profile import Profile
from facility.service.accounts.people import check_person
from facility.service.clock import Clock
from facility.service.database import Database, database_url
from facility.service.identity.audit import Audit
from facility.service.identity.closed import ClosedAccounts
from facility.service.identity.grants import grant_key
from facility.service.identity.issuer import Issuer
from facility.service.identity.keyring import Keyring
from facility.service.identity.proofs import Proofs
from facility.service.identity.requests import LinkRequests
from facility.service.identity.store import Store
from facility.service.identity.tokens import Tokens
from facility.service.identity.wishes import LinkWishes
from facility.service.state import open_state

GRANT_KEY = "grant.key"
SIGNING_KEYS = "signing-keys"


@dataclass(frozen=True)
class Desk:
    """What identity works with."""

    profile: Profile
    clock: Clock
    database: Database = field(repr=False)
    store: Store = field(repr=False)
    proofs: Proofs = field(repr=False)
    requests: LinkRequests = field(repr=False)
    wishes: LinkWishes = field(repr=False)
    keyring: Keyring
    tokens: Tokens = field(repr=False)
    issuer: Issuer = field(repr=False)
    audit: Audit = field(repr=False)
    grant_key: bytes = field(repr=False)
    closed: ClosedAccounts = field(repr=False)
    is_operator: Callable[[str], Awaitable[bool]] = field(repr=False)

    @property
    def token_url(self) -> str:
        """The token endpoint, to which assertions are addressed."""
        return f"{self.profile.service.token_issuer}/identity/token"

    def person(self, user: str) -> pwd.struct_passwd:
        """A person's account (see `check_person`) that may be acted for now. Raises NotAllowed; of a closed one too."""
        account = check_person(user, self.profile)
        self.closed.check(user)
        return account


@asynccontextmanager
async def opened(
    profile: Profile,
    state: Path,
    clock: Clock,
    is_operator: Callable[[str], Awaitable[bool]],
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Desk]:
    """The desk over one state directory, which belongs to identity's user alone.

    Another `transport` to the login provider may take the place of the network. Raises ProfileError for a directory or
    key that others could read, StoreFailed for a database that cannot be opened.
    """
    open_state(state)
    url = database_url(profile.service.identity_database, state, "identity")
    database = await asyncio.to_thread(Database, url, "identity")
    audit = Audit(state / "audit.jsonl")
    keyring = Keyring(state / SIGNING_KEYS)
    try:
        key = grant_key(state / GRANT_KEY)
        yield Desk(
            profile=profile,
            clock=clock,
            database=database,
            store=Store(database),
            proofs=Proofs(database),
            requests=LinkRequests(database),
            wishes=LinkWishes(database),
            keyring=keyring,
            tokens=Tokens(profile.service, keyring),
            issuer=Issuer(profile.service, clock, transport),
            audit=audit,
            grant_key=key,
            closed=ClosedAccounts(key, clock),
            is_operator=is_operator,
        )
    finally:
        audit.close()
        database.close()
