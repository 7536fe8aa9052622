"""What the configured OIDC issuer says: ID tokens (OpenID Connect Core 3.1.3.7) and access tokens (RFC 9068).

Keys come from the issuer's own discovery document only, never from an address that a token names.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt

from facility.errors import FacilityError, NotSignedIn, Unreachable, Unreadable
from facility.profile import Service
from facility.service.clock import Clock
from facility.service.watched import Watched
from facility.token_times import why_untimely

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""What an issuer may sign with: public keys only, so that no public key is ever taken for a secret."""

LEEWAY = 30.0
REFETCH = 30.0  # seconds between two fetches of the issuer's keys at least
RETRY = 5.0  # and after one that failed
LARGEST = 2**20
LONGEST_ACCESS = 3600.0  # seconds that an issuer's access token may live
ACCESS_TYPES = frozenset({"at+jwt", "application/at+jwt"})  # RFC 9068, section 4
SHOWN = ("name", "preferred_username", "email")
INSTITUTION = ("idp", "identity_provider")  # CILogon's name of it, and Globus's
URI = re.compile(r"[!-~]{1,120}")
MOST_ASSURANCES = 8  # of 120 characters


@dataclass(frozen=True)
class Login:
    """What a token of the issuer says: who, as the issuer names the person."""

    issuer: str
    subject: str
    described: str = ""  # name and e-mail address as the issuer tells them; to look at, never to match
    assurance: tuple[str, ...] = ()  # how sure the institution is of the person and of this sign-in, as URIs
    institution: str = ""  # which one it is, where the issuer stands for several


@dataclass(frozen=True)
class Access:
    """An access token of the issuer for this facility."""

    login: Login
    scope: str
    client: str
    jti: str
    expires: datetime


class Issuer:
    """The OIDC provider whose logins are known here."""

    def __init__(self, facts: Service, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._facts = facts
        self._clock = clock
        self._transport = transport
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._next_fetch = float("-inf")
        self._failure: FacilityError | None = None
        self._lock = asyncio.Lock()  # one fetch at a time, whatever the number of logins
        self.watched = Watched("login provider", clock)

    async def read_login(self, id_token: str) -> Login:
        """Who an ID token is about. Raises NotSignedIn for any other token, Unreachable where keys cannot be had."""
        claims = await self._claims(id_token, self._facts.client_ids, ["iss", "sub", "aud", "exp", "iat"])
        presenter = claims.get("azp")
        if presenter is not None and presenter not in self._facts.client_ids:
            raise NotSignedIn("the ID token was made for another program")
        return _login(claims)

    async def read_access(self, token: str) -> Access:
        """What an access token of the issuer gives leave for. Raises NotSignedIn, Unreachable.

        It must be typed as an access token and be made for `service.issuer_audience`; an ID token is none.
        """
        if not self._facts.issuer_audience:
            raise NotSignedIn("tokens of the login provider are not accepted here; get one at the token endpoint")
        required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]
        claims = await self._claims(token, (self._facts.issuer_audience,), required)
        if str(jwt.get_unverified_header(token).get("typ", "")).lower() not in ACCESS_TYPES:
            raise NotSignedIn("this token of the login provider is no access token")
        if claims["exp"] - claims["iat"] > LONGEST_ACCESS:
            raise NotSignedIn("this token of the login provider lives too long to be accepted")
        ends = datetime.fromtimestamp(claims["exp"], UTC)
        # the issuer's ids are its own: with its name before them they meet none of ours
        return Access(_login(claims), str(claims.get("scope", "")), str(claims["client_id"]),
                      f"{claims['iss']} {claims['jti']}"[:300], ends)  # fmt: skip

    async def _claims(self, token: str, audiences: Sequence[str], required: list[str]) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(str(header.get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=ALGORITHMS,
                audience=list(audiences),
                issuer=self._facts.issuer,
                leeway=LEEWAY,
                options={"require": required},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
            raise NotSignedIn(f"{why_untimely(token, 'login')}; sign in again") from error
        except (jwt.PyJWTError, TypeError) as error:
            raise NotSignedIn(f"this is no token for this facility ({type(error).__name__})") from error
        return claims

    async def _key(self, kid: str) -> jwt.PyJWK:
        async with self._lock:
            if kid not in self._keys and self._clock.monotonic() >= self._next_fetch:
                await self._refresh()
            elif kid not in self._keys and self._failure:
                raise self._failure
        if kid not in self._keys:
            raise NotSignedIn("the token is signed with a key that its issuer does not publish")
        return self._keys[kid]

    async def _refresh(self) -> None:
        try:
            async with self.watched.use():
                self._keys = await self._fetch()
        except FacilityError as error:
            self._failure, self._next_fetch = error, self._clock.monotonic() + RETRY
            raise
        self._failure, self._next_fetch = None, self._clock.monotonic() + REFETCH

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        """The issuer's keys by their id (OpenID Connect Discovery, section 4)."""
        issuer = self._facts.issuer
        if not issuer:
            raise Unreachable("no login provider is configured; set service.issuer in facility.toml")
        try:
            async with httpx.AsyncClient(timeout=5.0, transport=self._transport, trust_env=False) as http:
                found = (await http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")).raise_for_status()
                document = found.json()
                if document["issuer"] != issuer:
                    raise Unreadable(f"the provider at {issuer} calls itself {document['issuer']!r}")
                keys = (await http.get(document["jwks_uri"])).raise_for_status()
            if len(keys.content) > LARGEST:
                raise Unreadable(f"the keys of {issuer} are too many")
            found_keys = jwt.PyJWKSet.from_dict(keys.json()).keys
        except httpx.HTTPError as error:
            raise Unreachable(f"the login provider {issuer} gave no answer ({type(error).__name__})") from error
        except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise Unreadable(f"the login provider {issuer} does not publish its keys as it should: {error}") from error
        return {str(key.key_id or ""): key for key in found_keys if key.public_key_use in {None, "sig"}}


def _login(claims: Mapping[str, Any]) -> Login:
    told = (claims.get(name) for name in SHOWN)
    words = ", ".join(dict.fromkeys(value for value in told if isinstance(value, str) and value))
    institution = next((value for name in INSTITUTION if isinstance(value := claims.get(name), str)), "")
    return Login(claims["iss"], claims["sub"], _plain(words, 300), _assurance(claims), _plain(institution, 500))


def _assurance(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """`acr`, and eduPersonAssurance (REFEDS OIDCre): URIs without spaces, so many as can be kept."""
    listed = claims.get("eduperson_assurance", [])
    told = [claims.get("acr"), *(listed if isinstance(listed, list) else [listed])]
    found = [uri for uri in told if isinstance(uri, str) and URI.fullmatch(uri)]
    return tuple(dict.fromkeys(found))[:MOST_ASSURANCES]


def _plain(words: str, most: int) -> str:
    """The words as a terminal may show them: nothing that is not a plain letter or sign."""
    return "".join(sign if sign.isprintable() else "?" for sign in words)[:most]
