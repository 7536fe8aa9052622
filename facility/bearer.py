"""Speaking as the owner of a bearer token: what signs a question, and which error a status tells of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import httpx

from facility.errors import Busy, FacilityError, NotAllowed, NotFound, NotSignedIn, Refused, Unreachable
from facility.exchange import retry_after

TokenSource = Callable[[], Awaitable[str]]
"""Gives a bearer token that lives a while longer; it keeps and renews it itself."""

KINDS: dict[int, type[Refused]] = {401: NotSignedIn, 403: NotAllowed, 404: NotFound}


@runtime_checkable
class Renewing(Protocol):
    """A token source that can be told that its token was refused before its time."""

    async def renew(self) -> str:
        """Another token than the last one."""
        ...


class Bearer:
    """The headers that sign a question (RFC 6750, section 2.1); its `repr` shows no token."""

    def __init__(self, token: TokenSource) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Bearer()"

    async def sign(self) -> dict[str, str]:
        """With the token that the source gives."""
        return {"Authorization": f"Bearer {await self._token()}"}

    async def renew(self) -> dict[str, str]:
        """With another token than the last one, where the source has one."""
        source: object = self._token
        if isinstance(source, Renewing):
            return {"Authorization": f"Bearer {await source.renew()}"}
        return await self.sign()


def error_of(reply: httpx.Response, words: str) -> FacilityError:
    """The error that a status of 400 and more is, with these words."""
    if reply.status_code in {429, 503}:
        return Busy(words, retry_after(reply))
    if reply.status_code >= 500:
        return Unreachable(words)
    return KINDS.get(reply.status_code, Refused)(words)
