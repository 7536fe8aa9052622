"""Identity that runs in another process, as a user of its own: this process holds no key and no database of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from facility.answers import ApiClient, Token
from facility.errors import FacilityError, NotAllowed, NotFound, NotSignedIn, Refused, Unreachable, Unreadable
from facility.profile import Service
from facility.service.caller import Caller, Mandate
from facility.service.clock import Clock
from facility.service.identity.remembered import Remembered
from facility.service.identity.tokens import issuer_of, verify
from facility.service.scopes import read_scopes
from facility.service.watched import Watched
from facility.wire import decode

PATIENCE = httpx.Timeout(10.0, connect=2.0)
REFETCH = 10.0  # seconds between two fetches of identity's public keys at least
KINDS: dict[int, type[Refused]] = {401: NotSignedIn, 403: NotAllowed, 404: NotFound}


class RemoteIdentity:
    """See `IdentityPort`. A signature is looked at here; whether a token was revoked is asked, every 30 s at most."""

    def __init__(self, facts: Service, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._facts = facts
        self._clock = clock
        self._remembered = Remembered(clock)
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        self._next_fetch = float("-inf")
        self._lock = asyncio.Lock()  # one fetch at a time, whatever the number of requests
        self.watched = Watched("identity", clock)
        self._http = httpx.AsyncClient(
            base_url=facts.token_issuer, timeout=PATIENCE, transport=transport, trust_env=False
        )

    async def __aenter__(self) -> RemoteIdentity:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    def __repr__(self) -> str:
        return f"RemoteIdentity({self._facts.token_issuer!r})"

    async def verify(self, token: str) -> Caller:
        """See `IdentityPort.verify`."""
        if known := self._remembered.get(token):
            return known
        issuer = issuer_of(token)
        if issuer == self._facts.token_issuer:
            await self._learn_key(token)
            verify(token, self._facts, self._keys.get)  # what is not ours is refused here, and not asked about
        elif not self._facts.issuer_audience or issuer != self._facts.issuer:
            raise NotSignedIn("the token is not one of this facility's; get one at the token endpoint")
        found = await self._form("/identity/introspect", {"token": token}, token)
        if found.get("active") is not True:
            raise NotSignedIn("the token was revoked or has ended; get a new one at the token endpoint")
        try:
            ends = datetime.fromtimestamp(float(str(found["exp"])), UTC)
            scopes = read_scopes(str(found["scope"]))
            caller = Caller(str(found["sub"]), scopes, str(found["client_id"]), ends, token)
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable(f"identity did not say whose token that is: {error}") from error
        return self._remembered.put(caller)

    async def token(self, form: Mapping[str, str], address: str) -> Token:
        """See `IdentityPort.token`."""
        forwarded = {"X-Forwarded-For": address} if address else {}
        return decode(Token, await self._form("/identity/token", form, headers=forwarded))

    async def revoke(self, token: str) -> None:
        """See `IdentityPort.revoke`."""
        await self._form("/identity/revoke", {"token": token})
        self._remembered.clear()

    async def clients(self, caller: Caller) -> tuple[ApiClient, ...]:
        """See `IdentityPort.clients`."""
        found = await self._json("GET", "/identity/clients", token=caller.token)
        return decode(tuple[ApiClient, ...], found.get("clients"))

    async def grant(self, mandate: Mandate, verb: str, digest: str) -> str:
        """See `IdentityPort.grant`."""
        act = {"user": mandate.user, "verb": verb, "digest": digest, "delegation": mandate.delegation}
        return _text(await self._json("POST", "/identity/grants", act, mandate.token), "grant")

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """See `IdentityPort.delegate`."""
        new = {"verbs": sorted(verbs), "seconds": seconds}
        return _text(await self._json("POST", "/identity/delegations", new, caller.token), "delegation")

    async def hear_closed(self, statement: str) -> bool:
        """See `IdentityPort.hear_closed`."""
        changed = (await self._json("POST", "/identity/closed", {"statement": statement})).get("changed") is True
        if changed:
            self._remembered.clear()
        return changed

    async def end_delegation(self, delegation: str) -> None:
        """See `IdentityPort.end_delegation`."""
        await self._json("POST", "/identity/delegations/end", {"delegation": delegation})

    async def _learn_key(self, token: str) -> None:
        """Fetch identity's public keys where the token names one that is not known, and not again and again."""
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError as error:
            raise NotSignedIn("the token cannot be read") from error
        async with self._lock:
            if kid in self._keys or self._clock.monotonic() < self._next_fetch:
                return
            found = await self._json("GET", "/identity/jwks")
            self._next_fetch = self._clock.monotonic() + REFETCH
            try:
                keys = jwt.PyJWKSet.from_dict(found).keys
            except (jwt.PyJWTError, TypeError, KeyError, AttributeError) as error:
                raise Unreadable(f"identity does not publish its keys as it should: {error}") from error
            self._keys = {str(key.key_id): key.key for key in keys if isinstance(key.key, EllipticCurvePublicKey)}

    async def _form(
        self, path: str, form: Mapping[str, str], token: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        signed = {"Authorization": f"Bearer {token}"} if token else {}
        request = self._http.build_request("POST", path, data=dict(form), headers={**signed, **(headers or {})})
        return await self._send(request)

    async def _json(self, method: str, path: str, body: object = None, token: str = "") -> dict[str, object]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._send(self._http.build_request(method, path, json=body, headers=headers))

    async def _send(self, request: httpx.Request) -> dict[str, object]:
        async with self.watched.use():
            try:
                reply = await self._http.send(request)
            except httpx.HTTPError as error:
                words = f"identity at {self._facts.token_issuer} gave no answer ({type(error).__name__})"
                raise Unreachable(f"{words}; ask again in a moment") from error
            if reply.status_code >= 500:
                raise Unreachable(f"identity answered {reply.status_code}: {_words(reply)}")
        if reply.is_error:
            raise _refusal(reply)
        return _object(reply)


def _refusal(reply: httpx.Response) -> FacilityError:
    return KINDS.get(reply.status_code, Refused)(_words(reply) or f"identity answered {reply.status_code}")


def _words(reply: httpx.Response) -> str:
    try:
        found = reply.json()
    except ValueError:
        return ""
    told = found.get("error") if isinstance(found, dict) else None
    return str(told.get("what", "")) if isinstance(told, dict) else str(found.get("error_description", ""))


def _object(reply: httpx.Response) -> dict[str, object]:
    try:
        found = reply.json()
    except ValueError as error:
        raise Unreadable("identity answered without JSON", reply.text) from error
    if not isinstance(found, dict):
        raise Unreadable("identity answered something else than an object", reply.text)
    return found


def _text(found: dict[str, object], name: str) -> str:
    text = found.get(name)
    if not isinstance(text, str) or not text:
        raise Unreadable(f"identity answered without {name}")
    return text
