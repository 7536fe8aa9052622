"""Ask the facility in the name of the person who is signed in: by the login's own exchange, for one page, briefly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from facility.client import FacilityClient, Patience
from spawners.untyped import Untyped

IDENTITY = frozenset({"identity"})
"""The scope of one's own sign-ins and keys; no server's token holds it."""

SUBJECT_SHOWN = 12
"""Characters of a subject that are shown."""

BRIEF = Patience(connect=2.0, answer=5.0, tries=1)
"""A page is waited for by somebody."""


@asynccontextmanager
async def as_person(authenticator: Untyped, user: Untyped, scopes: frozenset[str]) -> AsyncIterator[FacilityClient]:
    """The facility's client with a token of `user` that holds `scopes`, good for minutes and kept nowhere.

    Raises NotSignedIn where the person must sign in again, and other FacilityErrors.
    """
    service = authenticator.desk.facts.service
    token = await authenticator.facility_token(user, scopes)

    async def handed() -> str:
        return str(token.access_token)

    async def identity() -> str:
        return str(service.token_issuer)

    async with FacilityClient(service.url, handed, BRIEF, find_identity=identity) as client:
        yield client


def shortened(subject: str) -> str:
    """A subject as it is shown: enough to tell two apart."""
    return subject if len(subject) <= SUBJECT_SHOWN else f"{subject[:SUBJECT_SHOWN]}…"
