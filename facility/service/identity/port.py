"""What every process asks of identity, wherever that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from facility.answers import ApiClient, Token
from facility.service.caller import Caller, Mandate
from facility.service.watched import Watched


class IdentityPort(Protocol):
    """Identity as the other services see it: in this process, or over HTTP where it runs as a user of its own.

    Every method raises Unreachable where identity does not answer.
    """

    watched: Watched
    """How identity, or what it stands on, is."""

    async def verify(self, token: str) -> Caller:
        """Who a bearer token speaks for.

        Raises NotSignedIn for one that is not ours, has ended or was revoked (60 s ago at the latest).
        """
        ...

    async def token(self, form: Mapping[str, str], address: str) -> Token:
        """What the token endpoint gives for a form that comes from `address`. Raises Refused with its words."""
        ...

    async def revoke(self, token: str) -> None:
        """End a token and the delegations made from it (RFC 7009); one that is none, or has ended, is no error."""
        ...

    async def clients(self, caller: Caller) -> tuple[ApiClient, ...]:
        """The keys that the caller has registered."""
        ...

    async def grant(self, mandate: Mandate, verb: str, digest: str) -> str:
        """Leave for one act in the name of the mandate's user (see `facility.service.identity.grants`).

        Raises NotSignedIn where the mandate's proof has ended or was revoked, Refused where it does not reach.
        """
        ...

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """A delegation: leave for these verbs for some time (48 hours at most), whatever becomes of the caller's token.

        It is a secret: keep it where the operation is kept, and end it with the operation. Raises Refused for verbs
        that the caller's scopes do not open.
        """
        ...

    async def hear_closed(self, statement: str) -> bool:
        """Take note of the accounts that are closed, as the root helper says; whether some are since the last time.

        Their tokens, keys, delegations and logins count no more for as long as it says so. Raises Refused.
        """
        ...

    async def end_delegation(self, delegation: str) -> None:
        """End a delegation; one that has ended is no error."""
        ...
