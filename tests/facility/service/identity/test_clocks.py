"""Clocks that differ by an hour or by two days: every refusal for it says so (fault F33)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import jwt
import pytest

from facility.client import FacilityClient
from facility.errors import NotSignedIn
from facility.exchange import Patience
from facility.key_token import Key, KeyToken
from facility.service.identity.tokens import ALGORITHM, TYPE

from ..conftest import URL

if TYPE_CHECKING:
    from ..conftest import Served

HOUR, DAY = 3600, 86400
OFF = pytest.mark.parametrize(
    ("off", "words"),
    [(-HOUR, "ended 5[45] min ago"), (HOUR, "1 h in the future"), (2 * DAY, "2 d in the future")],
)
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


def access_token(served: Served, off: int) -> str:
    """A token as the service would have made it while its clock was off by so much."""
    key = served.desk.keyring.keys[0]
    claims = jwt.decode(served.headers()["Authorization"].split()[1], options={"verify_signature": False})
    moved = {name: claims[name] + off for name in ("iat", "exp")}
    return jwt.encode(claims | moved, key.private, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key.kid})


@pytest.mark.parametrize(
    ("off", "words"),
    [(-HOUR, "50 min ago by this service's clock.*if it is new the clock differs"),
     (HOUR, "^clock differs: the token is from 1 h in the future"),
     (2 * DAY, "^clock differs: the token is from 2 d in the future")],
)  # fmt: skip
async def test_an_access_token_of_another_time_says_that_the_clock_differs(
    served: Served, off: int, words: str
) -> None:
    """Whoever was given it a moment ago sees that it is no lack of a login."""
    reply = await served.http.get("/jobs", headers={"Authorization": f"Bearer {access_token(served, off)}"})

    assert 401 == reply.status_code
    assert re.search(words, reply.json()["error"]["what"])


@OFF
async def test_a_clients_assertion_of_another_time_says_that_the_clock_differs(
    served: Served, off: int, words: str
) -> None:
    """It is made for this one question: its end cannot have passed."""
    now = int(time.time()) + off
    reply = await served.ask_token(served.assertion("cli", iat=now, exp=now + 300))

    told = reply.json()
    assert (401, "invalid_client") == (reply.status_code, told["error"])
    assert re.search(f"clock differs: the assertion .*{words}", told["error_description"])


async def test_an_assertion_without_its_time_that_seems_to_live_too_long_names_the_clock(served: Served) -> None:
    """`iat` is not asked for: then two days ahead looks like a life of two days."""
    reply = await served.ask_token(served.assertion("cli", exp=int(time.time()) + 2 * DAY + 60))

    assert re.search("an hour at most, .*ends in 2 d .*clock differs", reply.json()["error_description"])


async def test_an_end_in_digits_counts_as_one(served: Served) -> None:
    """Libraries take such for a number: it is no mistake of ours, whoever signs it."""
    assert 200 == (await served.ask_token(served.assertion("cli", exp=str(int(time.time()) + 60)))).status_code


@pytest.mark.parametrize(
    ("off", "words"),
    [(-HOUR, "the login ended 55 min ago.*if it is new the clock differs"),
     (HOUR, "clock differs: the login is from 1 h in the future"),
     (2 * DAY, "clock differs: the login is from 2 d in the future")],
)  # fmt: skip
async def test_a_login_of_another_time_says_that_the_clock_differs(served: Served, off: int, words: str) -> None:
    """The institution's clock, or this one."""
    now = int(time.time()) + off
    login = served.id_token(iat=now, exp=now + 300)
    reply = await served.ask_token(served.assertion("hub"), **EXCHANGE, subject_token=login)

    assert re.search(words, reply.json()["error_description"])


async def test_a_person_whose_machines_clock_differs_reads_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words reach whoever calls the client: from the token endpoint, and from the service."""
    token = KeyToken(Key("cli", served.key), f"{URL}/identity/token", transport=served.http._transport)
    ahead = time.time() + HOUR
    with monkeypatch.context() as patched:
        patched.setattr("facility.key_token.time.time", lambda: ahead)
        with pytest.raises(NotSignedIn, match="clock differs: the assertion is from 1 h in the future"):
            await token()
    old = access_token(served, 2 * DAY)
    client = FacilityClient(URL, lambda: _given(old), Patience(tries=1), served.http._transport)
    with pytest.raises(NotSignedIn, match=r"no newer one; sign in again \(clock differs: the token is from 2 d"):
        await client.me()


async def _given(token: str) -> str:
    return token
