"""The gate of every route: a token with the right scope, or an explicit "for everybody"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from facility.errors import NotAllowed
from facility.service.caller import Caller, Mandate
from facility.service.scopes import PERSONAL, write_scopes
from facility.service.web.access import needs

if TYPE_CHECKING:
    from ..conftest import Served


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/accounts", "accounts"), ("/images", "images"), ("/reservations", "reservations"), ("/jobs", "jobs")],
)
async def test_a_token_opens_what_its_scope_names_and_nothing_else(served: Served, path: str, scope: str) -> None:
    """All other scopes together do not."""
    others = write_scopes(PERSONAL - {scope})
    opened, closed = await served.get(path, scope=scope), await served.get(path, scope=others)

    assert (200, 403) == (opened.status_code, closed.status_code)
    assert f'error="insufficient_scope", scope="{scope} hub"' in closed.headers["WWW-Authenticate"]


async def test_reading_jobs_does_not_let_end_them(served: Served) -> None:
    """Each is a scope of its own."""
    reply = await served.http.delete("/jobs/7", headers=served.headers(scope="jobs"))

    assert (403, 0) == (reply.status_code, served.scheduler.calls_of("scancel"))


def test_a_gate_of_an_unknown_scope_cannot_be_made() -> None:
    """A slip of the pen would close a route for good, or publish a scope that nobody can get."""
    with pytest.raises(ValueError, match="jobs:sumbit"):
        needs("jobs:sumbit")


def test_a_caller_shown_in_a_log_does_not_tell_the_token() -> None:
    """Nor does the mandate made of it."""
    caller = Caller("ana", frozenset({"jobs"}), "cli", datetime(2026, 1, 1, tzinfo=UTC), "the-secret")

    assert Mandate("ana", token="the-secret") == caller.mandate
    assert "the-secret" not in f"{caller!r} {caller.mandate!r}"


def test_a_hub_has_no_mandate() -> None:
    """It acts for nobody."""
    with pytest.raises(NotAllowed, match="nobody"):
        _ = Caller("hub", frozenset({"hub"}), "hub", datetime(2026, 1, 1, tzinfo=UTC), "t").mandate
