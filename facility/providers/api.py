"""What every client of a site's own API shares: signed questions, JSON answers, and its refusals as our errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

import httpx

from facility.bearer import Bearer, TokenSource, error_of
from facility.errors import Unreadable
from facility.exchange import Exchange, Patience, Question

Found = Mapping[str, object]
"""A JSON object of an answer."""


class SiteApi:
    """One API of a site as the owner of a token sees it; each kind says how messages call it, and where its words are.

    Parameters
    ----------
    base_url : with the version, e.g. "https://api.example.org/api/v2".
    token : gives a bearer token that the site takes, e.g. a `facility.key_token.KeyToken`.
    """

    WHOM: ClassVar[str]
    WORDS: ClassVar[tuple[str, ...]]
    """The fields of an error that may hold its words; the first that does counts."""

    def __init__(
        self,
        base_url: str,
        token: TokenSource,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._bearer = Bearer(token)
        self._exchange = Exchange(base_url, patience, transport, whom=self.WHOM)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def answer(self, question: Question) -> httpx.Response:
        """The answer, whatever its status."""
        return await self._exchange.ask(question, self._bearer.sign, self._bearer.renew)

    async def ask(self, question: Question) -> object:
        """The JSON of the answer. Raises the error that it tells of."""
        return self.read(await self.answer(question))

    def read(self, reply: httpx.Response) -> object:
        """The JSON of an answer; an empty one is an empty object. Raises the error that it tells of, and Unreadable."""
        try:
            found: object = reply.json() if reply.content else {}
        except ValueError as error:
            if not reply.is_error:
                raise Unreadable(f"{reply.request.url} answered without JSON", reply.text) from error
            found = {}
        if not reply.is_error:
            return found
        told = next((said for name in self.WORDS if isinstance(found, dict) and (said := found.get(name))), None)
        raise error_of(reply, f"{self.WHOM} answered {reply.status_code}: {in_words(told, 'no words')}")


def an_object(found: object) -> Found:
    """A JSON object of an answer. Raises Unreadable for anything else."""
    if not isinstance(found, Mapping):
        raise Unreadable("the site's API answered something else than was asked for", str(found))
    return found


def objects(found: object) -> list[Found]:
    """A list of JSON objects. Raises Unreadable for anything else."""
    if not isinstance(found, list):
        raise Unreadable("the site's API answered no list", str(found))
    return [an_object(item) for item in found]


def in_words(value: object, otherwise: str) -> str:
    """What an API says, which may be JSON; `otherwise` where it says nothing."""
    return (value if isinstance(value, str) else json.dumps(value))[:1000] if value else otherwise
