"""What a server gets from the hub: a short, narrow token of its own user, and nothing else of the login."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest

from beamside.demo.processes import wait_until
from facility.service.scopes import SCOPES
from hub_ext.keys import SERVER_SCOPES

if TYPE_CHECKING:
    from .conftest import Federation

pytestmark = pytest.mark.slurm


def server_token(federation: Federation, scopes: list[str]) -> str:
    """A hub token of ana's with these scopes, as her servers and her own programs have one."""
    hub = federation.hub
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t", "scopes": scopes})
    return str(made.json()["token"])


def ask(federation: Federation, path: str, token: str = "") -> httpx.Response:
    """Ask the hub with a token."""
    head = {"Authorization": f"token {token}"} if token else {}
    return httpx.get(f"http://127.0.0.1:{federation.hub.ports.hub}/hub/api{path}", headers=head, trust_env=False)


def at_facility(federation: Federation, path: str, bearer: str) -> int:
    """The status that the facility answers such a token with."""
    url = f"http://127.0.0.1:{federation.hub.ports.facility}{path}"
    return httpx.get(url, headers={"Authorization": f"Bearer {bearer}"}, trust_env=False, timeout=30).status_code


@pytest.fixture
def servers(federation: Federation) -> str:
    """The hub token of a server of ana's, who has signed in."""
    federation.entered("ana")
    return server_token(federation, [f"access:servers!server={federation.hub.user}/"])


def test_it_is_short_narrow_and_of_the_servers_own_user(federation: Federation, servers: str) -> None:
    """Ten minutes at most, no scope beyond a server's work, the user of the server; no refresh token comes with it."""
    handed = ask(federation, "/beamside/token", servers).json()
    claims = jwt.decode(handed["access_token"], options={"verify_signature": False})
    scopes = set(claims["scope"].split())

    assert {"access_token", "expires_in", "token_type"} == set(handed)
    assert federation.hub.user == claims["sub"]
    assert claims["exp"] - time.time() <= 630 and handed["expires_in"] <= 600
    assert scopes <= SERVER_SCOPES < set(SCOPES)
    assert 403 == at_facility(federation, "/identity/clients", handed["access_token"])


def test_a_token_for_something_else_gets_none(federation: Federation, servers: str) -> None:
    """Neither without a token, nor with one that may not use a server, nor for naming somebody else."""
    narrow = server_token(federation, ["read:users:name!user"])
    asked = [ask(federation, "/beamside/token", token) for token in ("", "x", narrow)]
    other = ask(federation, "/beamside/token?user=kim", servers).json()["access_token"]

    assert [403, 403, 403] == [reply.status_code for reply in asked]
    assert federation.hub.user == jwt.decode(other, options={"verify_signature": False})["sub"]


def test_the_logins_own_tokens_never_leave_the_hub(federation: Federation, servers: str) -> None:
    """A server's token reads no state of the sign-in, which lies encrypted; and no page or log shows a token."""
    read = ask(federation, f"/users/{federation.hub.user}", servers)
    own = server_token(federation, ["inherit"])
    whole = ask(federation, f"/users/{federation.hub.user}", own)
    handed = ask(federation, "/beamside/token", servers).json()["access_token"]
    log = federation.hub.log("hub", 1_000_000)
    database = (federation.hub.folder / "hub.sqlite").read_bytes()

    assert "auth_state" not in read.text and "auth_state" not in whole.text
    assert handed not in log and "refresh_token=" not in log
    assert b"id_token" not in database and b"refresh_token" not in database


def test_a_login_that_is_parted_from_its_account_ends_what_was_handed_out(federation: Federation, servers: str) -> None:
    """Within 60 s the hub hands out nothing more, and the facility takes no token it gave before."""
    hub = federation.hub
    handed = ask(federation, "/beamside/token", servers).json()["access_token"]
    before = at_facility(federation, "/identity/me", handed)
    register = federation.register
    link = [f"--iss={hub.plan.issuer}", f"--sub={hub.subjects['ana']}", f"--user={hub.user}"]
    register("unlink", *link)
    try:
        wait_until(
            lambda: 401 == at_facility(federation, "/identity/me", handed)
            and 403 == ask(federation, "/beamside/token", servers).status_code,
            seconds=60, pause=1.0, otherwise=lambda: "the tokens live on",
        )  # fmt: skip
        stranger = federation.entered("ana")
    finally:
        register("link", *link)
    federation.entered("ana")

    assert (200, 403) == (before, stranger.status_code)
    assert 200 == ask(federation, "/beamside/token", servers).status_code
