"""Is this ID token genuine? OpenID Connect Core 1.0, section 3.1.3.7: signature, issuer, audience, times, nonce."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt

from facility.errors import FacilityError, NotSignedIn, Unreachable, Unreadable
from facility.token_times import why_untimely

ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
"""Signatures by a key pair only: with HS256 a client's secret could sign, and "none" is no signature."""

LEEWAY = 30
"""Seconds that the institution's clock and ours may differ."""

KEPT = 3600.0
"""Seconds an institution's addresses and keys are used before they are read anew."""

ASK_AGAIN = 30.0
"""Seconds between two readings of the keys, however many tokens name an unknown one."""


class Institution:
    """The home institution: its addresses and its signing keys, read from its discovery document.

    Parameters
    ----------
    issuer : the `iss` of its tokens, and where its discovery document lies.
    client_id : ours; a token must be made out to it.
    """

    def __init__(self, issuer: str, client_id: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._transport = transport
        self._facts: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read = float("-inf")

    async def facts(self) -> dict[str, Any]:
        """Its discovery document (OpenID Connect Discovery 1.0). Raises Unreachable where it does not answer."""
        if not self._facts or time.monotonic() - self._read > KEPT:
            try:
                await self._refresh()
            except FacilityError:
                if not self._facts:
                    raise
        return self._facts

    async def verify(self, token: str, nonce: str | None) -> dict[str, Any]:
        """The claims of a genuine ID token; `nonce` is the one this login sent, None for a refreshed token.

        Raises NotSignedIn with the reason, Unreachable when the keys cannot be read.
        """
        await self.facts()
        key = await self._key(token)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.client_id,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
            words = why_untimely(token, "institution's statement", is_new=nonce is not None)
            raise NotSignedIn(f"{words}; sign in again") from error
        except jwt.InvalidTokenError as error:
            raise NotSignedIn(f"the institution's statement does not hold ({error}); sign in again") from error
        if nonce is not None and claims.get("nonce") != nonce:
            raise NotSignedIn("this answer belongs to another sign-in; sign in again")
        if claims.get("azp", self.client_id) != self.client_id:
            raise NotSignedIn("the institution's statement was made out to somebody else; sign in again")
        return claims

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            name = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.InvalidTokenError as error:
            raise NotSignedIn("the institution's answer holds no signed statement; sign in again") from error
        if name not in self._keys and time.monotonic() - self._read > ASK_AGAIN:
            await self._refresh()
        if name not in self._keys:
            raise NotSignedIn("the institution's statement is signed by a key it does not name; sign in again")
        return self._keys[name]

    async def _refresh(self) -> None:
        where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        async with httpx.AsyncClient(timeout=5.0, trust_env=False, transport=self._transport) as http:
            facts = await _json(http, where)
            if facts.get("issuer") != self.issuer:
                raise Unreadable(f"{where} names another issuer than {self.issuer}", str(facts.get("issuer")))
            found = await _json(http, str(facts.get("jwks_uri")))
        try:
            keys = jwt.PyJWKSet.from_dict(found).keys
        except jwt.PyJWTError as error:
            raise Unreadable(f"{facts.get('jwks_uri')} holds no usable key: {error}") from error
        self._facts = facts
        self._keys = {key.key_id or "": key for key in keys if key.public_key_use in {None, "sig"}}
        self._read = time.monotonic()


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        reply = await http.get(url)
        reply.raise_for_status()
        found = reply.json()
    except httpx.HTTPError as error:
        raise Unreachable(f"{url} gave no answer ({type(error).__name__})") from error
    except ValueError as error:
        raise Unreadable(f"{url} answered without JSON", reply.text) from error
    if not isinstance(found, dict):
        raise Unreadable(f"{url} answered something else than an object", reply.text)
    return found
