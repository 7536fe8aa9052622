"""Which microservices one process serves, and what each answers alone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from facility.errors import ProfileError
from facility.profile import Profile, read_profile
from facility.service.app import EVERYWHERE, SERVICES, create_app
from facility.service.compose import address, choose
from facility.service.parts import Parts
from facility.service.running import running

APART = """
name = "t"
[service]
url = "http://127.0.0.1:8400"
identity_url = "http://127.0.0.1:8401"
[as_user]
helper = ["/nowhere/as-user"]
group = "people"
[systems.t]
title = "t"
"""


@pytest.fixture
def apart() -> Profile:
    """A site with a root helper."""
    return read_profile(APART)


@pytest.fixture
def alone() -> Profile:
    """A site of one user."""
    return read_profile(
        APART.partition("[as_user]")[0].replace('identity_url = "http://127.0.0.1:8401"\n', "")
        + '[systems.t]\ntitle="t"'
    )


def test_one_user_gets_everything_in_one_process(alone: Profile) -> None:
    """Whoever names some gets those."""
    assert frozenset(SERVICES) == choose([], alone)
    assert {"jobs", "identity"} == choose(["identity", "jobs", "jobs"], alone)


def test_with_a_root_helper_identity_is_a_process_of_its_own(apart: Profile) -> None:
    """It holds the keys to everybody's account; the message says how it is started."""
    assert {"identity"} == choose(["identity"], apart)
    assert frozenset(SERVICES) - {"identity"} == choose([], apart)
    with pytest.raises(ProfileError, match="beamside serve identity"):
        choose(["jobs", "identity"], apart)


def test_with_a_root_helper_identity_has_an_address_of_its_own(apart: Profile) -> None:
    """Else nobody would find it."""
    here = apart.model_copy(update={"service": apart.service.model_copy(update={"identity_url": ""})})

    with pytest.raises(ProfileError, match=r"set service\.identity_url"):
        choose([], here)


def test_an_unknown_microservice_is_named_with_those_there_are(alone: Profile) -> None:
    """A slip of the keyboard is no silent nothing."""
    with pytest.raises(ProfileError, match="no microservice 'job'; there are identity jobs"):
        choose(["jobs", "job"], alone)


def test_each_listens_where_the_profile_says(apart: Profile, alone: Profile) -> None:
    """Identity at its own URL where it has one; --listen puts several beside each other."""
    assert ("127.0.0.1", 8401) == address(frozenset({"identity"}), apart)
    assert ("127.0.0.1", 8400) == address(frozenset({"jobs"}), apart)
    assert ("127.0.0.1", 8400) == address(frozenset({"identity"}), alone)
    assert ("127.0.0.1", 9000) == address(frozenset({"jobs"}), apart, "127.0.0.1:9000")


@pytest.mark.parametrize("listen", ["0.0.0.0:9000", "127.0.0.1", "127.0.0.1:x", "example.org:80", "127.0.0.1:0"])
def test_nothing_but_loopback_is_listened_on(apart: Profile, listen: str) -> None:
    """TLS to the outside is a proxy's work."""
    with pytest.raises(ProfileError, match=r"--listen must be 127\.0\.0\.1:PORT"):
        address(frozenset({"jobs"}), apart, listen)


@pytest.mark.parametrize("name", SERVICES)
def test_each_microservice_can_be_served_alone(name: str) -> None:
    """Then it has its own routes and those of every process, and no other's."""
    app = create_app(Parts.__new__(Parts), [name])
    routes = [route for router in (*SERVICES[name], *EVERYWHERE) for route in router.routes]
    own = {route.path.replace(":path}", "}") for route in routes}

    assert own == set(app.openapi()["paths"])


async def test_what_is_not_served_here_is_not_found() -> None:
    """With words, like every error."""
    app = create_app(Parts.__new__(Parts), ["images"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        reply = await http.get("/jobs")

    assert (404, "GET /jobs") == (reply.status_code, reply.json()["error"]["to"])


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("identity", set()),
        ("health", set()),
        ("jobs", {"submit", "cancel", "change"}),
        ("transfers", {"transfer"}),
        ("reservations", {"reservation.make", "reservation.change"}),
    ],
)
async def test_a_process_carries_out_what_its_microservices_promise(
    alone: Profile, tmp_path: Path, name: str, kinds: set[str]
) -> None:
    """Nothing of the others', whose processes may share the database: identity alone has no way to act for anybody."""
    async with running(alone, tmp_path / "state", names={name}) as parts:
        found = set(parts.operations._handlings)

    assert kinds == found
