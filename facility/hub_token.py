"""The facility token of this user, fetched from the hub with the server's own token and kept in memory only."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping

import httpx

from facility.errors import NotSignedIn, Unreachable, Unreadable

KEPT = 15.0
"""Seconds for which a token is used again. Streams need one only when they begin; a facility that changed its key
refuses the old one, and a new one must then be had soon."""


def hub_trust(environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """How this server proves itself to a hub with `internal_ssl`, and knows it; None where there is no TLS inside."""
    key, certificate = environment.get("JUPYTERHUB_SSL_KEYFILE"), environment.get("JUPYTERHUB_SSL_CERTFILE")
    if not key or not certificate:
        return None
    context = ssl.create_default_context(cafile=environment.get("JUPYTERHUB_SSL_CLIENT_CA"))
    context.load_cert_chain(certificate, key)
    return context


class HubToken:
    """Gives a token that is good for a while yet; its `repr` shows neither token. `trust`: see `hub_trust`."""

    def __init__(
        self,
        api_url: str,
        server_token: str,
        *,
        trust: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = api_url.rstrip("/") + "/beamside/token"
        self._headers = {"Authorization": f"token {server_token}"}
        self._trust = trust if trust is not None else True
        self._transport = transport  # None: the network
        self._clock = clock
        self._token = ""
        self._until = clock()

    def __repr__(self) -> str:
        return f"HubToken({self._url!r})"

    async def __call__(self) -> str:
        """The facility token.

        Raises Unreachable when the hub gives no answer, NotSignedIn when it gives no token.
        """
        if not self._token or self._clock() >= self._until:
            self._token = await self._fetch()
            self._until = self._clock() + KEPT
        return self._token

    async def _fetch(self) -> str:
        try:
            # trust_env=False: a proxy named in the user's environment must not see tokens
            async with httpx.AsyncClient(
                verify=self._trust, transport=self._transport, timeout=10.0, trust_env=False
            ) as http:
                answer = await http.get(self._url, headers=self._headers)
        except httpx.TransportError as error:
            raise Unreachable(f"the hub gave no facility token, nor any answer ({type(error).__name__})") from error
        if answer.status_code in (401, 403):
            raise NotSignedIn("the hub has no facility login of yours any more; sign in again at the hub")
        if answer.status_code != 200:
            raise Unreachable(f"the hub gave no facility token but answered {answer.status_code}")
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable("the hub's answer holds no facility token") from error
