"""Identity in another process: the same answers over HTTP, and a revocation that reaches everybody within a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import pytest

from facility.errors import NotAllowed, NotSignedIn, Refused, Unreachable
from facility.service.app import create_app
from facility.service.caller import Mandate
from facility.service.identity.grants import digest_of
from facility.service.identity.remote import RemoteIdentity
from facility.service.scopes import read_scopes
from facility.testing import FakeClock

from ..helping import statement

if TYPE_CHECKING:
    from ..conftest import Served


class Counted(httpx.AsyncBaseTransport):
    """The way to a service in this process; it counts the requests by path, and can be cut."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.asked: list[str] = []
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        self.asked.append(request.url.path.removeprefix("/identity/"))
        if self.is_cut:
            raise httpx.ConnectError("cut", request=request)
        return await self._inner.handle_async_request(request)


@pytest.fixture
def line(served: Served) -> Counted:
    """The line to the process that serves identity."""
    return Counted(httpx.ASGITransport(create_app(served.parts), raise_app_exceptions=False))


@pytest.fixture
def clock() -> FakeClock:
    """The time of the process that asks."""
    return FakeClock()


@pytest.fixture
async def remote(served: Served, line: Counted, clock: FakeClock) -> AsyncIterator[RemoteIdentity]:
    """A process without keys."""
    async with RemoteIdentity(served.desk.profile.service, clock, line) as identity:
        yield identity


def token(served: Served, scope: str = "jobs jobs:submit identity") -> str:
    """A token of the person's."""
    return served.desk.tokens.mint(served.person, read_scopes(scope), "cli").access_token


async def test_a_token_is_asked_about_once_in_thirty_seconds(
    served: Served, remote: RemoteIdentity, line: Counted, clock: FakeClock
) -> None:
    """However many requests bring it; the public keys are fetched once."""
    text = token(served)
    callers = [await remote.verify(text) for _ in range(50)]
    await clock.advance(31)
    await remote.verify(text)

    assert ["jwks", "introspect", "introspect"] == line.asked
    assert (served.person, "cli", text) == (callers[0].user, callers[0].client, callers[0].token)


async def test_a_revocation_reaches_a_process_that_remembers_within_a_minute(
    served: Served, remote: RemoteIdentity, clock: FakeClock
) -> None:
    """It was seen alive just before; nobody tells the process."""
    text = token(served)
    await remote.verify(text)
    await served.parts.identity.revoke(text)
    await clock.advance(29)
    assert served.person == (await remote.verify(text)).user
    await clock.advance(2)

    with pytest.raises(NotSignedIn, match="revoked"):
        await remote.verify(text)


async def test_a_closed_account_reaches_the_process_that_tells_of_it_at_once(
    served: Served, remote: RemoteIdentity
) -> None:
    """What it remembers of the account's tokens is forgotten with the telling."""
    text = token(served)
    await remote.verify(text)

    assert await remote.hear_closed(statement(served.desk.grant_key, closed={served.person: "the account is locked"}))
    with pytest.raises(NotSignedIn):
        await remote.verify(text)
    with pytest.raises(NotAllowed, match="did not say"):
        await remote.hear_closed(statement(b"x" * 32))


async def test_what_is_not_ours_is_never_asked_about(served: Served, remote: RemoteIdentity, line: Counted) -> None:
    """Its signature, its end and its key are looked at here; unknown keys make nobody fetch again and again."""
    await remote.verify(token(served))
    head, _, tail = token(served).rpartition(".")
    for text in ("x.y.z", f"{head}.{tail[::-1]}", "a" * 5000, ""):
        with pytest.raises(NotSignedIn):
            await remote.verify(text)
    served.desk.keyring._make()
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await remote.verify(token(served))

    assert ["jwks", "introspect"] == line.asked


async def test_a_new_key_is_learnt(served: Served, remote: RemoteIdentity, clock: FakeClock) -> None:
    """Tokens signed after a rotation are good here too, soon, and those from before stay good."""
    before = token(served)
    await remote.verify(before)
    served.desk.keyring._make()
    await clock.advance(10)

    assert served.person == (await remote.verify(token(served))).user
    await clock.advance(60)
    assert served.person == (await remote.verify(before)).user


async def test_grants_and_delegations_come_over_the_line(served: Served, remote: RemoteIdentity) -> None:
    """With the refusals as they are in the process itself."""
    caller = await remote.verify(token(served))
    secret = await remote.delegate(caller, frozenset({"sbatch"}), 60)
    digest = digest_of(["x"])

    assert "." in await remote.grant(caller.mandate, "sbatch", digest)
    assert "." in await remote.grant(Mandate(served.person, delegation=secret), "sbatch", digest)
    with pytest.raises(NotAllowed):
        await remote.grant(Mandate(served.person, delegation=secret), "scancel", digest)
    with pytest.raises(Refused, match="files"):
        await remote.grant(caller.mandate, "ls", digest)
    await remote.end_delegation(secret)
    with pytest.raises(NotSignedIn):
        await remote.grant(Mandate(served.person, delegation=secret), "sbatch", digest)


async def test_tokens_and_clients_come_over_the_line(served: Served, remote: RemoteIdentity) -> None:
    """A view of another API in a process without keys asks for them like anybody."""
    form = {"grant_type": "client_credentials", "client_assertion": served.assertion("cli"), "client_assertion_type":
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}  # fmt: skip
    given = await remote.token(form, "192.0.2.1")
    caller = await remote.verify(given.access_token)

    assert ("cli",) == tuple(client.id for client in await remote.clients(caller))
    with pytest.raises(NotSignedIn, match="used before"):
        await remote.token(form, "192.0.2.1")
    await remote.revoke(given.access_token)
    with pytest.raises(NotSignedIn):
        await remote.verify(given.access_token)


async def test_without_identity_nobody_gets_in_anew(served: Served, remote: RemoteIdentity, line: Counted) -> None:
    """Who was let in a moment ago goes on; health tells what is down."""
    text = token(served)
    await remote.verify(text)
    line.is_cut = True

    assert served.person == (await remote.verify(text)).user
    with pytest.raises(Unreachable, match="identity"):
        await remote.verify(token(served))
    assert "down" == remote.watched.subsystem.state
