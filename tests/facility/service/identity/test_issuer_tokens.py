"""Access tokens of the login provider itself, where the profile says that they are accepted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
import pytest

from facility.service.identity.store import Link

if TYPE_CHECKING:
    from ..conftest import Served

ISSUER = "https://login.example.org"


@pytest.fixture
def accepting(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A site that takes them for the audience "lab"."""
    facts = served.desk.profile.service.model_copy(update={"issuer_audience": "lab"})
    monkeypatch.setattr(served.desk.issuer, "_facts", facts)
    object.__setattr__(served.desk, "profile", served.desk.profile.model_copy(update={"service": facts}))
    return served


def access(served: Served, typ: str = "at+jwt", **different: object) -> dict[str, str]:
    """The header with an access token of the issuer."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "ana-at-home", "aud": "lab", "iat": now, "exp": now + 600, "jti": "1"}
    claims |= {"client_id": "app", "scope": "openid jobs commands hub"} | different
    kept = {name: value for name, value in claims.items() if value is not None}
    return {"Authorization": f"Bearer {jwt.encode(kept, served.key, 'RS256', headers={'kid': 'k1', 'typ': typ})}"}


async def test_it_opens_what_it_names_and_the_site_allows(accepting: Served) -> None:
    """As the linked account; never a hub's scope, and none that the site keeps closed."""
    headers = access(accepting)
    me = (await accepting.http.get("/identity/me", headers=headers)).json()
    statuses = [
        (await accepting.http.get(path, headers=headers)).status_code for path in ("/jobs", "/accounts", "/images")
    ]

    assert (accepting.person, [200, 403, 403]) == (me["user"], statuses)
    assert 1 == len((await accepting.http.get("/jobs", headers=headers)).json()["jobs"])


async def test_where_the_profile_does_not_say_so_it_opens_nothing(served: Served) -> None:
    """The default."""
    assert 401 == (await served.http.get("/jobs", headers=access(served))).status_code


@pytest.mark.parametrize(
    ("typ", "different"),
    [
        ("JWT", {}),
        ("at+jwt", {"aud": "hub-at-issuer"}),
        ("at+jwt", {"exp": -100}),
        ("at+jwt", {"exp": 7200}),
        ("at+jwt", {"exp": None}),
        ("at+jwt", {"jti": None}),
        ("at+jwt", {"sub": "unknown"}),
        ("at+jwt", {"iat": 600, "exp": 900}),
    ],
)
async def test_any_other_token_of_the_issuer_opens_nothing(
    accepting: Served, typ: str, different: dict[str, object]
) -> None:
    """An ID token, one for others, an old one, one that lives long, and one of somebody who is not linked."""
    now = int(time.time())  # when the test runs, not when it was collected
    different = {name: now + value if isinstance(value, int) else value for name, value in different.items()}

    assert 401 == (await accepting.http.get("/jobs", headers=access(accepting, typ, **different))).status_code


async def test_it_can_be_revoked_here_too(accepting: Served) -> None:
    """The issuer's ids are its own: revoking one ends no token of ours."""
    headers, ours = access(accepting), accepting.headers()
    assert 200 == (await accepting.http.get("/jobs", headers=headers)).status_code
    await accepting.http.post("/identity/revoke", data={"token": headers["Authorization"].removeprefix("Bearer ")})

    statuses = [(await accepting.http.get("/jobs", headers=header)).status_code for header in (headers, ours)]
    assert [401, 200] == statuses


async def test_a_system_accounts_login_opens_nothing(accepting: Served) -> None:
    """Even if a link to one had been put into the store."""
    accepting.desk.store.add_link(Link(ISSUER, "rooted", "root"), "test")

    assert (await accepting.http.get("/jobs", headers=access(accepting, sub="rooted"))).status_code in {401, 403}
