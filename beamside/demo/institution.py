"""The home institution: a certified OpenID Connect provider on Node, with random passwords of this one `up`."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from beamside.demo import secret_files
from beamside.demo.accounts import INSTITUTION, PEOPLE, Person
from beamside.demo.layout import Layout
from beamside.demo.plan import Plan

PROGRAM = Path(__file__).with_name("oidc") / "provider.mjs"
IDP = "https://idp.lakeside.example/shibboleth"
SINGLE_FACTOR = "https://refeds.org/profile/sfa"
"""A password alone: the REFEDS profile for one factor."""


@dataclass(frozen=True)
class HubClient:
    """The hub as the provider knows it: an id, where to send people back to, and the key it signs with."""

    client_id: str
    redirect_uri: str
    home: str
    key: rsa.RSAPrivateKey


def write_configuration(layout: Layout, plan: Plan, client: HubClient) -> dict[str, str]:
    """Write the provider's configuration and the people's passwords; returns login -> `sub` of everybody."""
    owner = plan.accounts.institution
    folder = secret_files.make_directory(layout.state / "institution", owner=owner)
    subjects = {person.login: secrets.token_urlsafe(16) for person in PEOPLE}
    configuration = {
        "issuer": plan.issuer,
        "port": plan.ports.institution,
        "modules": str(layout.npm / "node_modules"),
        "institution": INSTITUTION,
        "jwks": {"keys": [secret_files.jwk(secret_files.rsa_key())]},
        "cookie_keys": [secrets.token_urlsafe(32)],
        "clients": [_client(client)],
        "people": [_person(layout, person, subjects[person.login]) for person in PEOPLE],
    }
    secret_files.write_secret(folder / "provider.json", json.dumps(configuration), owner=owner)
    return subjects


def _client(client: HubClient) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "client_name": "beamside",
        "redirect_uris": [client.redirect_uri],
        "post_logout_redirect_uris": [client.home],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks": {"keys": [secret_files.jwk(client.key.public_key())]},
        "require_auth_time": True,
    }


def _person(layout: Layout, person: Person, subject: str) -> dict[str, Any]:
    clear = secret_files.password()
    secret_files.write_secret(layout.password(person.login), clear + "\n")
    claims = {
        "sub": subject,
        "name": person.full_name,
        "preferred_username": person.login,
        "email": person.email,
        "email_verified": True,
        "idp": IDP,
        "acr": SINGLE_FACTOR,
    }
    return {"login": person.login, "claims": claims, "password": secret_files.scrypt_record(clear)}


def argv(layout: Layout, node: Path) -> list[str]:
    """How the provider is started."""
    return [str(node), str(PROGRAM), str(layout.state / "institution" / "provider.json")]
