"""The facility token, as the hub hands it out."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from facility.errors import FacilityError, NotSignedIn, Unreachable, Unreadable
from facility.hub_token import KEPT, HubToken


class Hub(httpx.AsyncBaseTransport):
    """A hub that numbers its tokens, or answers what a test says."""

    def __init__(self, answer: Callable[[], httpx.Response] | None = None) -> None:
        self.seen: list[httpx.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if self._answer:
            return self._answer()
        return httpx.Response(200, json={"access_token": f"t{len(self.seen)}", "expires_in": 600})


class Clock:
    """Moves when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_servers_own_token_buys_a_facility_token() -> None:
    """The hub is asked at its beamside route, with the token in a header."""
    hub = Hub()

    assert await HubToken("http://hub/hub/api/", "secret", transport=hub)() == "t1"
    assert (
        str(hub.seen[0].url),
        hub.seen[0].headers["Authorization"],
    ) == ("http://hub/hub/api/beamside/token", "token secret")


async def test_a_burst_of_requests_asks_the_hub_once() -> None:
    """A token is used again for some seconds, and not longer, since the facility may have changed its key."""
    hub, clock = Hub(), Clock()
    token = HubToken("http://hub/hub/api", "secret", transport=hub, clock=clock)

    first, second = await token(), await token()
    clock.now = KEPT

    assert (first, second, await token()) == ("t1", "t1", "t2")


def _down() -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_down, Unreachable),
        (lambda: httpx.Response(503), Unreachable),
        (lambda: httpx.Response(401), NotSignedIn),
        (lambda: httpx.Response(403), NotSignedIn),
        (lambda: httpx.Response(200, text="<html>"), Unreadable),
    ],
)
async def test_a_hub_without_a_token_is_told_by_kind(
    answer: Callable[[], httpx.Response], error: type[FacilityError]
) -> None:
    """No answer, no login and nonsense are three different things to the person who reads of them."""
    with pytest.raises(error):
        await HubToken("http://hub/hub/api", "secret", transport=Hub(answer))()


def test_the_token_is_not_shown() -> None:
    """A log line of the object holds no secret."""
    assert "secret" not in repr(HubToken("http://hub/hub/api", "secret"))
