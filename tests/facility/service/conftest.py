"""A service over a fake scheduler, and people with keys."""

from __future__ import annotations

import os
import pwd
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from facility.models import Entitlement, Job, Partition, Qos
from facility.profile import Profile, read_profile
from facility.providers.slurm import Slurm
from facility.providers.slurm.sacctmgr import Associations
from facility.service.app import create_app
from facility.service.identity.desk import Desk
from facility.service.identity.local import LocalIdentity
from facility.service.identity.store import Client, Link
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scopes import PERSONAL, read_scopes, write_scopes
from facility.testing import FakeScheduler

URL = "http://127.0.0.1:8400"
ISSUER = "https://login.example.org"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

EVERYTHING = write_scopes(PERSONAL)

PROFILE = f"""
name = "Test"
[service]
url = "{URL}"
issuer = "{ISSUER}"
client_ids = ["hub-at-issuer"]
[systems.test]
title = "Test"
[[systems.test.images]]
name = "none"
title = "No container"
[[systems.test.images]]
name = "stempy"
driver = "static"
title = "stempy"
"""


@pytest.fixture(scope="session")
def rsa_key() -> RSAPrivateKey:
    """One key for all tests: making one takes a while."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def desk_of(parts: Parts) -> Desk:
    """The desk of a service that serves identity itself."""
    assert isinstance(parts.identity, LocalIdentity)
    return parts.identity.desk


def public_pem(key: RSAPrivateKey) -> str:
    """The public half as it is registered."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> str:
    """The one user of a service without a helper; as root, uid 0 would be refused, so somebody else's name is lent."""
    me = pwd.getpwuid(os.geteuid())
    if me.pw_uid >= 1000:
        return me.pw_name
    lent = pwd.struct_passwd(("ana", "x", 54321, 54321, "Ana Example,Room 1", "/nonexistent", "/bin/sh"))
    real = pwd.getpwnam
    monkeypatch.setattr(pwd, "getpwnam", lambda name: lent if name == "ana" else real(name))
    monkeypatch.setattr("facility.service.accounts.people.current_user", lambda: "ana")
    monkeypatch.setattr("facility.service.accounts.people.groups_of", lambda account: ("ana",))
    monkeypatch.setattr("facility.service.routers.reservations.groups_of", lambda account: ("ana",))
    return "ana"


class SlurmOfFakes(Slurm):
    """Jobs come from the fake scheduler; what sacctmgr, sinfo and scontrol would say is given."""

    def __init__(self, profile: Profile, scheduler: FakeScheduler, person: str) -> None:
        super().__init__(profile.system, scheduler)
        self.entitled = (Entitlement(person, "ncem", ("realtime",), is_default=True),)
        self.operators = frozenset({"kim"})
        self.problem: Exception | None = None
        self.found_reservations: tuple = ()

    async def associations(self, user: str = "") -> Associations:
        """Given."""
        self._fail()
        return Associations(self.entitled, self.operators)

    async def qos(self) -> tuple[Qos, ...]:
        """Given."""
        self._fail()
        return (Qos("realtime", 10000), Qos("other"))

    async def partitions(self) -> tuple[Partition, ...]:
        """Given."""
        self._fail()
        return (Partition("main", True, True, None, 8, 3, 16, 32000),)

    async def reservations(self) -> tuple:
        """Given."""
        self._fail()
        return self.found_reservations

    def _fail(self) -> None:
        if self.problem:
            raise self.problem


@dataclass
class Served:
    """A service in this process, and how to speak to it."""

    parts: Parts
    scheduler: FakeScheduler
    slurm: SlurmOfFakes
    person: str
    key: RSAPrivateKey
    http: httpx.AsyncClient
    jwks: dict[str, object]
    state: Path

    @property
    def desk(self) -> Desk:
        """What identity works with."""
        return desk_of(self.parts)

    def headers(self, user: str = "", scope: str = EVERYTHING) -> dict[str, str]:
        """A bearer token as the service would have made it."""
        token = self.desk.tokens.mint(user or self.person, read_scopes(scope), "test")
        return {"Authorization": f"Bearer {token.access_token}"}

    async def get(self, path: str, user: str = "", scope: str = EVERYTHING, **query: str) -> httpx.Response:
        """Ask as somebody."""
        return await self.http.get(path, params=query, headers=self.headers(user, scope))

    def assertion(self, client: str, **different: object) -> str:
        """A client's signed assertion."""
        claims = {"iss": client, "sub": client, "aud": f"{URL}/identity/token", "jti": str(uuid.uuid4())}
        claims |= {"exp": int(time.time()) + 300} | different
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, self.key, algorithm="RS256")

    def id_token(self, **different: object) -> str:
        """A login's ID token as the issuer would sign it."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "ana-at-home", "aud": "hub-at-issuer", "iat": now, "exp": now + 300} | different
        claims = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "k1"})

    async def ask_token(self, assertion: str, **form: str) -> httpx.Response:
        """The token endpoint."""
        sent = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
        return await self.http.post("/identity/token", data=sent | form)


@pytest.fixture
async def served(
    tmp_path: Path, person: str, rsa_key: RSAPrivateKey, make_job: Callable[..., Job]
) -> AsyncIterator[Served]:
    """A service with two jobs in the queue, one of them the person's."""
    scheduler = FakeScheduler()
    scheduler.jobs = {"7": make_job("7", user=person), "8": make_job("8", user="ben")}
    profile = read_profile(PROFILE)
    slurm = SlurmOfFakes(profile, scheduler, person)
    jwks: dict[str, object] = {"keys": [jwk(rsa_key, "k1")]}
    async with running(profile, tmp_path / "state", slurm, institution(jwks)) as parts:
        for client in (Client("hub", "beamside-hub", "hub", ""), Client("cli", person, "user", "")):
            desk_of(parts).store.add_client(Client(client.id, client.owner, client.scopes, public_pem(rsa_key)))
        desk_of(parts).store.add_link(Link(ISSUER, "ana-at-home", person), "test")
        await parts.facts.partitions.known()
        transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            yield Served(parts, scheduler, slurm, person, rsa_key, http, jwks, tmp_path / "state")


def jwk(key: RSAPrivateKey, kid: str) -> dict[str, object]:
    """The public half as an issuer publishes it."""
    found = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**found, "kid": kid, "use": "sig"}


def institution(jwks: dict[str, object]) -> httpx.MockTransport:
    """A login provider that publishes `jwks`."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})
        return httpx.Response(200, json=jwks)

    return httpx.MockTransport(answer)
