"""The service's own access tokens: short, signed, for one audience (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from facility.answers import Token
from facility.errors import NotSignedIn
from facility.profile import Service
from facility.service.caller import Caller
from facility.service.identity.keyring import Keyring
from facility.service.scopes import read_scopes, write_scopes
from facility.token_times import why_untimely

LIFETIME = timedelta(minutes=10)
LEEWAY = timedelta(seconds=30)
ALGORITHM = "ES256"
TYPE = "at+jwt"
REQUIRED = ["iss", "aud", "sub", "scope", "client_id", "iat", "exp", "jti"]

FindKey = Callable[[str], EllipticCurvePublicKey | None]


@dataclass(frozen=True)
class Verified:
    """A token whose signature and claims are good; whether it was revoked is another question."""

    caller: Caller
    jti: str


class Tokens:
    """Mints tokens; only the process that serves identity can."""

    def __init__(self, facts: Service, keyring: Keyring) -> None:
        self._facts = facts
        self._keyring = keyring

    def mint(self, user: str, scopes: frozenset[str], client: str) -> Token:
        """A token for `user`, asked for by `client`."""
        key = self._keyring.keys[0]
        now = datetime.now(UTC)
        claims = {
            "iss": self._facts.token_issuer,
            "aud": self._facts.audience,
            "sub": user,
            "scope": write_scopes(scopes),
            "client_id": client,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        signed = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key.kid})
        return Token(signed, int(LIFETIME.total_seconds()), scope=write_scopes(scopes))

    def verify(self, token: str) -> Verified:
        """See `verify`."""
        return verify(token, self._facts, self._public)

    def _public(self, kid: str) -> EllipticCurvePublicKey | None:
        key = self._keyring.find(kid)
        return key.private.public_key() if key else None


def verify(token: str, facts: Service, find_key: FindKey) -> Verified:
    """What one of our tokens says. Raises NotSignedIn saying what is wrong with it, never what it holds."""
    try:
        header = jwt.get_unverified_header(token)
        key = find_key(str(header.get("kid", "")))
        if key is None or header.get("typ") != TYPE:
            raise NotSignedIn("the token is not signed by this facility; get a new one")
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=facts.audience,
            issuer=facts.token_issuer,
            leeway=LEEWAY,
            options={"require": REQUIRED},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise NotSignedIn(f"{why_untimely(token, 'token')}; get a new one at the token endpoint") from error
    except jwt.PyJWTError as error:
        raise NotSignedIn(f"the token is not one of this facility's ({type(error).__name__})") from error
    return _read(claims, token)


def issuer_of(token: str) -> str:
    """The issuer that a token names, unproved; empty for what is no token."""
    try:
        found = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
    except jwt.PyJWTError:
        return ""
    return found if isinstance(found, str) else ""


def _read(claims: dict[str, Any], token: str) -> Verified:
    try:
        scopes = read_scopes(str(claims["scope"]))
    except ValueError as error:
        raise NotSignedIn(f"the token was not made by this version of the facility: {error}") from error
    if claims["exp"] - claims["iat"] > LIFETIME.total_seconds():
        raise NotSignedIn("the token was not made by this version of the facility; get a new one")
    ends = datetime.fromtimestamp(claims["exp"], UTC)
    return Verified(Caller(claims["sub"], scopes, str(claims["client_id"]), ends, token), str(claims["jti"]))
