"""The hub's own key: with it the hub proves itself to the home institution and the facility (RFC 7523, 2.2)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from facility.answers import Token
from facility.errors import FacilityError, NotAllowed, NotSignedIn, ProfileError, Unreachable, Unreadable

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a kind of token (RFC 8693, section 3)

SERVER_SCOPES = frozenset({
    "accounts", "callbacks", "files", "files:write", "images", "jobs", "jobs:submit", "reservations",
    "reservations:request", "transfers",
})  # fmt: skip
"""The most that a token inside a server may be used for: not for making keys that outlive it, nor for a shell."""

LIFE = 60
"""Seconds an assertion is good for; it is made anew for every request."""

EARLY = 60.0
"""Seconds before its end at which a token is renewed."""


def private_text(path: Path) -> str:
    """The content of a secret's file.

    Raises ProfileError when it is missing, or when anybody but its owner may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ProfileError(f"{path} can be read by others: chmod 600 it, and make the secret anew")
    return text


def load_key(path: Path) -> RSAPrivateKey:
    """The RSA private key in a 0600 PEM file. Raises ProfileError where there is none."""
    try:
        key = load_pem_private_key(private_text(path).encode(), password=None)
    except ValueError as error:
        raise ProfileError(f"{path} holds no private key in PEM: {error}") from error
    if not isinstance(key, RSAPrivateKey):
        raise ProfileError(f"{path} holds a {type(key).__name__}; an RSA key is needed")
    return key


def assertion(key: RSAPrivateKey, client_id: str, audience: str) -> str:
    """A signed statement "I am this client", for one audience, once."""
    now = int(time.time())
    said = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + LIFE}
    return jwt.encode({**said, "jti": secrets.token_hex(16)}, key, algorithm="RS256")


@dataclass
class FacilityTokens:
    """Tokens of the facility: the hub's own, kept until it ends, and short ones of users by exchange."""

    token_url: str
    client_id: str
    key: RSAPrivateKey = field(repr=False)
    server_scopes: frozenset[str] = SERVER_SCOPES
    _own: Token | None = field(default=None, init=False, repr=False)
    _own_until: float = field(default=0.0, init=False)

    async def __call__(self) -> str:
        """A token by which the hub reads on behalf of users; fresh enough for one more request."""
        if self._own is None or time.monotonic() > self._own_until:
            self._own = await self._ask({"grant_type": "client_credentials", "scope": "hub"})
            self._own_until = time.monotonic() + max(self._own.expires_in - EARLY, 5.0)
        return self._own.access_token

    async def renew(self) -> str:
        """Another one of the hub's own, after one was refused before its time."""
        self._own = None
        return await self()

    async def exchange(self, id_token: str, scopes: frozenset[str] = frozenset()) -> Token:
        """The user's own short token for the ID token of the user's login: for use inside a server, or for `scopes`.

        Raises NotSignedIn when that login ended, Unreachable when the facility does not answer.
        """
        login = {"subject_token": id_token, "subject_token_type": ID_TOKEN}
        wanted = " ".join(sorted(scopes or self.server_scopes))
        return await self._ask({"grant_type": EXCHANGE, "scope": wanted, **login})

    async def _ask(self, form: dict[str, str]) -> Token:
        proof = {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(self.key, self.client_id, self.token_url),
        }
        try:
            async with httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=2.0), trust_env=False) as http:
                reply = await http.post(self.token_url, data={**form, **proof})
        except httpx.HTTPError as error:
            raise Unreachable(f"the facility's {self.token_url} gave no answer ({type(error).__name__})") from error
        if reply.is_error:
            raise _refusal(reply)
        try:
            found = reply.json()
            return Token(str(found["access_token"]), int(found["expires_in"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{self.token_url} answered without a token", reply.text) from error


ENDED = ("invalid_grant", "invalid_request")  # a subject token that is not good any more (RFC 8693, section 2.2.2)


def _refusal(reply: httpx.Response) -> FacilityError:
    """The error of an answer; RFC 6749's `error_description`, or the facility's own words."""
    try:
        found = reply.json()
    except ValueError:
        found = {}
    told = found.get("error")
    words = told.get("what", "") if isinstance(told, dict) else found.get("error_description", told)
    sentence = f"the facility gave no token: {words or reply.status_code}"
    if reply.status_code >= 500:
        return Unreachable(sentence)
    ended = told in ENDED or reply.status_code == httpx.codes.UNAUTHORIZED
    return NotSignedIn(sentence) if ended else NotAllowed(sentence)
