"""Tokens by one's own key: the key signs an assertion, the token endpoint gives a short token for it (RFC 7523, 2.2).

Works with every endpoint of that kind, that of a Superfacility API included. Needs the extra `cli` (or `hub`).
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from facility.errors import FacilityError, NotAllowed, NotSignedIn, ProfileError, Unreachable, Unreadable
from facility.exchange import Exchange, Patience, Question

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = 60  # seconds an assertion is good for; it is made anew for every token
DEFAULT_KEY = Path("~/.config/beamside/key.json")
"""Where a person's key is looked for unless another is named."""

EARLY = 60.0  # seconds before its end at which a token is renewed, or half its life where that is less

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class Key:
    """A client's id and its private key; where the facility and its token endpoint are, if the file says so."""

    client_id: str
    private: PrivateKey = field(repr=False)
    url: str = ""
    token_url: str = ""

    @property
    def algorithm(self) -> str:
        """What this kind of key signs with (RFC 7518, section 3.1)."""
        if isinstance(self.private, RSAPrivateKey):
            return "RS256"
        return "ES256" if isinstance(self.private, EllipticCurvePrivateKey) else "EdDSA"

    def assertion(self, audience: str) -> str:
        """A signed statement "I am this client", for one audience, once."""
        now = int(time.time())
        said = {"iss": self.client_id, "sub": self.client_id, "aud": audience, "iat": now, "exp": now + LIFE}
        return jwt.encode({**said, "jti": secrets.token_hex(16)}, self.private, algorithm=self.algorithm)


def load_key(path: Path) -> Key:
    """The key in a JSON file {"client_id", "secret", "url"?, "token_url"?}; the secret is PEM text or a JWK.

    Or in a file with the client's id in its first line and the key in PEM after it, as Superfacility clients have it.

    Raises ProfileError where it cannot be used, and where anybody but its owner may read it.
    """
    text = _private_text(path)
    try:
        client_line, _, pem = text.partition("\n")
        is_pem = pem.lstrip().startswith("-----BEGIN")
        found = {"client_id": client_line, "secret": pem} if is_pem else json.loads(text)
        client_id, secret = str(found["client_id"]).strip(), found["secret"]
        private = jwt.PyJWK(secret).key if isinstance(secret, dict) else load_pem_private_key(secret.encode(), None)
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        words = 'holds no key: it must be {"client_id": "…", "secret": PEM text or JWK}'
        raise ProfileError(f"{path} {words} ({type(error).__name__})") from error
    if not isinstance(private, PrivateKey):
        raise ProfileError(f"{path} holds a {type(private).__name__}; a private RSA, EC P-256 or Ed25519 key is needed")
    return Key(client_id, private, str(found.get("url", "")), str(found.get("token_url", "")))


def _private_text(path: Path) -> str:
    """The text of a file that only its owner may read; looked at through one descriptor, so that it cannot change."""
    try:
        with path.open(encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            text = file.read(64 * 1024)
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ProfileError(f"{path} cannot be read: {words}; it is where your key should be") from error
    if about.st_uid not in {os.geteuid(), 0} or stat.S_IMODE(about.st_mode) & 0o077:
        raise ProfileError(f"{path} can be read by others: make the key anew, and chmod 600 its file")
    return text


class KeyToken:
    """A token source (`facility.bearer.TokenSource`) that asks with a key and keeps a token until it is about to end.

    scopes : what the token may do; empty: all that the key may. Its `repr` shows neither key nor token.
    """

    def __init__(
        self,
        key: Key,
        token_url: str,
        scopes: tuple[str, ...] = (),
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key = key
        self._token_url = token_url
        self._scopes = scopes
        self._patience = patience
        self._transport = transport
        self._token = ""
        self._until = 0.0

    def __repr__(self) -> str:
        return f"KeyToken({self._key.client_id!r}, {self._token_url!r})"

    async def __call__(self) -> str:
        """The token. Raises NotSignedIn where the key is not accepted, Unreachable where no answer comes."""
        return self._token if time.monotonic() < self._until else await self.renew()

    async def renew(self) -> str:
        """A new token, though the last one should still be good."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._key.assertion(self._token_url),
        } | ({"scope": " ".join(self._scopes)} if self._scopes else {})
        where = httpx.URL(self._token_url)
        exchange = Exchange(str(where.join("/")), self._patience, self._transport, whom="the token endpoint")
        try:
            reply = await exchange.ask(Question("POST", where.raw_path.decode("ascii"), form=form))
        finally:
            await exchange.aclose()
        if reply.is_error:
            raise _refusal(reply)
        try:
            found = reply.json()
            token, seconds = str(found["access_token"]), float(found["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{self._token_url} answered without a token") from error
        self._token, self._until = token, time.monotonic() + max(seconds - EARLY, seconds / 2)
        return token


def _refusal(reply: httpx.Response) -> FacilityError:
    """The error of an answer; RFC 6749's `error_description`, or the facility's own words."""
    try:
        found = reply.json()
    except ValueError:
        found = {}
    told = found.get("error") if isinstance(found, dict) else None
    if isinstance(told, dict):
        words = str(told.get("what", ""))
    else:
        words = str(found.get("error_description", told) if isinstance(found, dict) else "")
    sentence = f"no token was given: {words or reply.status_code}"
    if reply.status_code >= 500 or reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Unreachable(sentence)
    ended = str(told) in {"invalid_grant", "invalid_client"} or reply.status_code == httpx.codes.UNAUTHORIZED
    return NotSignedIn(sentence) if ended else NotAllowed(sentence)
