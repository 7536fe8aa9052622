"""One HTTP exchange with a facility: bounded in time and size, asked again only where that is safe."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx

from facility.errors import NotSignedIn, Unreachable, Unreadable

log = logging.getLogger(__name__)
Signer = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the headers that sign a request; it keeps and renews what is behind them."""

LARGEST = 64 * 2**20
"""Bytes of an answer that are read at most; 100,000 jobs are about 50 MB."""

KEPT_HEADERS = frozenset({"etag", "retry-after", "content-type", "location", "beamside-taken"})
REPEATED = frozenset({"GET", "DELETE"})  # asking twice changes nothing more than asking once
PASSING = frozenset({502, 504})  # what a gateway says of a service that is just not there
IDEMPOTENCY_KEY = "Idempotency-Key"  # a request that carries one may be repeated whatever its method


@dataclass(frozen=True)
class Patience:
    """How long to wait for the facility, in seconds, and how often to ask again (where that changes nothing)."""

    connect: float = 2.0
    answer: float = 10.0
    tries: int = 3


@dataclass(frozen=True)
class Question:
    """One request, before it is signed. At most one of `body` (JSON), `form`, `files` and `content` is sent."""

    method: str
    path: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: object = None
    form: Mapping[str, str | list[str]] | None = None
    files: Mapping[str, tuple[str, bytes]] | None = None  # field -> (file name, contents)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    largest: int = LARGEST  # bytes of the answer

    @property
    def may_repeat(self) -> bool:
        """Whether asking twice changes nothing more than asking once."""
        return self.method in REPEATED or IDEMPOTENCY_KEY in self.headers


@cache
def authorities() -> ssl.SSLContext:
    """Whose certificates are trusted, read once a process: reading holds an event loop for 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Exchange:
    """The connections to one base URL.

    Parameters
    ----------
    base_url : e.g. "http://127.0.0.1:8400"; paths of questions are appended to it.
    patience : time limits and repetitions.
    transport : another way to reach it, e.g. httpx.ASGITransport for a service in this process.
    whom : how messages call it.
    """

    def __init__(
        self,
        base_url: str,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        whom: str = "the facility service",
    ) -> None:
        self.patience = patience or Patience()
        self.whom = whom
        timeout = httpx.Timeout(self.patience.answer, connect=self.patience.connect)
        # trust_env=False: a proxy named in somebody's environment must not see tokens
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=timeout, transport=transport, trust_env=False, verify=authorities()
        )

    def __repr__(self) -> str:
        return f"Exchange({str(self._http.base_url)!r})"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, question: Question, sign: Signer | None = None, renew: Signer | None = None) -> httpx.Response:
        """Ask, and ask again where that is safe and may help. A status that tells of an error is no exception here.

        `sign` gives what signs the request; `renew` gives it anew where it was refused, by default `sign` once more.
        Raises Unreachable where no answer came in time, and Unreadable where it was too long.
        """
        tries = self.patience.tries if question.may_repeat else 1
        for attempt in range(1, tries):
            try:
                reply = await self._signed(question, sign, renew or sign)
            except Unreachable as error:
                log.debug("attempt %d: %s", attempt, error)
            else:
                if reply.status_code not in PASSING:
                    return reply
            await asyncio.sleep(_pause(attempt))
        return await self._signed(question, sign, renew or sign)

    @asynccontextmanager
    async def stream(self, question: Question, sign: Signer | None, silence: float) -> AsyncIterator[httpx.Response]:
        """The answer as it comes, for as long as no more than `silence` seconds pass without a byte."""
        request = self._request(question, await sign() if sign else {})
        request.extensions["timeout"] = httpx.Timeout(silence, connect=self.patience.connect).as_dict()
        try:
            reply = await self._http.send(request, stream=True)
            try:
                yield reply
            finally:
                await reply.aclose()
        except httpx.HTTPError as error:
            raise self._unreachable(request.url, error) from error

    async def _signed(self, question: Question, sign: Signer | None, renew: Signer | None) -> httpx.Response:
        """One exchange; what signs it is renewed once where it is refused."""
        headers = await sign() if sign else {}
        reply = await self._answer(self._request(question, headers), question.largest)
        if reply.status_code != httpx.codes.UNAUTHORIZED or not renew:
            return reply
        newer = await renew()
        if newer == headers:
            words = f"{self.whom} does not accept the token, and there is no newer one; sign in again"
            raise NotSignedIn(f"{words} ({said})" if (said := _said(reply)) else words)
        return await self._answer(self._request(question, newer), question.largest)

    def _request(self, question: Question, headers: Mapping[str, str]) -> httpx.Request:
        return self._http.build_request(
            question.method,
            question.path,
            params=question.query or None,
            json=question.body,
            data=question.form,
            files=question.files,
            content=question.content,
            headers={**question.headers, **headers},
        )

    async def _answer(self, request: httpx.Request, largest: int) -> httpx.Response:
        """One exchange, within the time that patience allows and the size that was asked for, also where bytes drip."""
        try:
            async with asyncio.timeout(self.patience.answer + self.patience.connect):
                reply = await self._http.send(request, stream=True)
                try:
                    body = bytearray()
                    async for piece in reply.aiter_bytes():
                        body += piece
                        if len(body) > largest:
                            raise Unreadable(f"{request.url} answered more than {largest} bytes")
                finally:
                    await reply.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise self._unreachable(request.url, error) from error
        kept = {name: value for name, value in reply.headers.items() if name in KEPT_HEADERS}
        return httpx.Response(reply.status_code, headers=kept, content=bytes(body), request=request)

    def _unreachable(self, where: object, error: Exception) -> Unreachable:
        return Unreachable(f"{self.whom} at {where} gave no answer ({type(error).__name__}); it is asked again")


def retry_after(reply: httpx.Response) -> float:
    """Seconds to wait; the other form of the header, a date, counts as 5 (RFC 9110, section 10.2.3)."""
    text = reply.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and text.isascii() else 5.0


def _said(reply: httpx.Response) -> str:
    """What a facility's refusal says, at most a line of it: that a clock differs is in no other place."""
    try:
        found = reply.json()
    except ValueError:
        return ""
    told = found.get("error") if isinstance(found, dict) else None
    words = told.get("what") if isinstance(told, dict) else None
    return words[:300] if isinstance(words, str) else ""


def _pause(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(0.2 * float(2**attempt), 5.0)  # noqa: S311 - spreads clients, guards nothing
