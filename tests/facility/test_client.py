"""FacilityClient against servers that answer well, badly, slowly or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from facility.client import FacilityClient, Patience
from facility.errors import Busy, FacilityError, NotAllowed, NotFound, NotSignedIn, Refused, Unreachable, Unreadable
from facility.testing import Fault, FaultProxy

HASTY = Patience(connect=0.5, answer=0.5, tries=2)
ME = {"user": "ana", "uid": 1000}


async def token() -> str:
    """A token like any other."""
    return "t1"


def client(
    answer: Callable[[httpx.Request], httpx.Response], source: Callable[[], Awaitable[str]] = token
) -> FacilityClient:
    """A client of a service that answers so."""
    return FacilityClient("http://facility", source, Patience(tries=3), httpx.MockTransport(answer))


def error(status: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """A service that always refuses in the common shape."""
    body = {"error": {"what": "the thing failed", "to": "GET /identity/me", "next": "do that"}}
    return lambda request: httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, NotSignedIn), (403, NotAllowed), (404, NotFound), (422, Refused), (500, Unreachable),
     (507, Unreachable), (429, Busy), (503, Busy)],
)  # fmt: skip
async def test_each_status_is_an_error_with_the_services_words(status: int, kind: type[FacilityError]) -> None:
    """What happened and what to do next reach whoever reads the error."""
    with pytest.raises(kind, match=r"the thing failed; do that|does not accept the token"):
        await client(error(status)).me()


async def test_patience_that_is_asked_for_is_told() -> None:
    """Retry-After becomes seconds."""
    with pytest.raises(Busy) as busy:
        await client(error(429, **{"Retry-After": "7"})).me()

    assert 7.0 == busy.value.retry_after


async def test_a_refused_token_is_renewed_once() -> None:
    """The source gives a newer one, and the question is asked again."""
    tokens = iter(["old", "new"])

    async def source() -> str:
        return next(tokens)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["Authorization"] == "Bearer new" else 401, json=ME)

    assert "ana" == (await client(answer, source).me()).user


async def test_a_token_that_stays_refused_is_not_tried_for_ever() -> None:
    """One renewal, then it is the person's turn."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401, json={})

    with pytest.raises(NotSignedIn, match="sign in again"):
        await client(answer).me()
    assert 1 == len(asked)


@pytest.mark.parametrize(("verb", "times"), [("cancel", 3), ("hint", 1)])
async def test_only_what_may_be_repeated_is_repeated(verb: str, times: int) -> None:
    """GET and DELETE are asked again, POST never."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("no", request=request)

    with pytest.raises(Unreachable):
        await getattr(client(answer), verb)("7")
    assert times == len(asked)


@pytest.mark.parametrize("body", [b"<html>oops", b"\x00\xff", b"[]", b"{}", b'{"user": 7}', b"null"])
async def test_an_answer_that_is_something_else_is_unreadable(body: bytes) -> None:
    """Whatever a proxy in between makes of it."""
    with pytest.raises(Unreadable):
        await client(lambda request: httpx.Response(200, content=body)).me()


async def test_an_endless_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr("facility.client.asking.LARGEST_FACTS", 1000)

    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        await client(lambda request: httpx.Response(200, content=b"x" * 5000)).accounts()


async def test_a_login_without_an_account_is_none() -> None:
    """404 is an answer here."""
    assert await client(error(404)).link("https://issuer", "sub") is None


async def test_health_needs_no_token() -> None:
    """It can be asked before anybody signed in."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        now = "2026-01-01T00:00:00Z"
        body = {"ok": True, "version": "1", "now": now, "poll_age": 1.5, "subsystems": []}
        return httpx.Response(200, json=body)

    assert (1.5, [None]) == ((await client(answer).health()).poll_age, seen)


def test_a_token_is_never_shown() -> None:
    """What is printed of a client holds its address only."""
    assert "FacilityClient('http://facility')" == repr(client(error(500)))


@asynccontextmanager
async def behind_faults() -> AsyncIterator[FaultProxy]:
    """A well-behaved HTTP server behind the proxy."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"user": "ana", "uid": 1000}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[1]).serving() as proxy:
        yield proxy


@pytest.mark.parametrize("fault", [Fault.BLACKHOLE, Fault.RESET, Fault.TRUNCATE, Fault.GARBAGE, Fault.DRIP, Fault.DOWN])
async def test_every_fault_of_the_line_is_unreachable_in_time(fault: Fault) -> None:
    """Bytes that drip count as no answer, and the same client works again when the fault is over."""
    async with behind_faults() as proxy, FacilityClient(f"http://127.0.0.1:{proxy.port}", token, HASTY) as asking:
        proxy.fault, began = fault, time.monotonic()
        with pytest.raises(Unreachable):
            await asking.me()
        took = time.monotonic() - began
        proxy.fault = Fault.NONE

        assert "ana" == (await asking.me()).user
        assert (
            took < HASTY.tries * (HASTY.connect + HASTY.answer) + 1.5
        )  # the bound the client promises, and its pauses
