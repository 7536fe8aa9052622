"""Can anybody sign in right now? The home institution's discovery document is looked at in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from facility.exchange import authorities

log = logging.getLogger("beamside.pages")

DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, section 4


@dataclass(frozen=True)
class Reached:
    """Whether the institution answers."""

    problem: str = ""  # why not
    since: datetime | None = None  # since when not; None while it does, and before it was asked


class InstitutionWatch:
    """Looks whether each institution answers; a page reads what was seen last and never waits.

    Parameters
    ----------
    issuers : the institutions; signing in works while one of them answers.
    every : seconds from one look to the next.
    transport : another way to reach them than the network.
    """

    def __init__(self, issuers: Sequence[str], every: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._issuers = tuple(issuers)
        self._every = every
        self._transport = transport
        self.reached = Reached()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:  # the outermost loop: a mistake must not end it
                log.error("the institution could not be looked at for a mistake", exc_info=error)
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Look once."""
        problems = [problem for issuer in self._issuers if (problem := await self._problem(issuer))]
        if not problems or len(problems) < len(self._issuers):
            self.reached = Reached()
            return
        self.reached = Reached("; ".join(problems), self.reached.since or datetime.now(UTC))

    async def _problem(self, issuer: str) -> str:
        """Why this one cannot be used; empty where it can."""
        try:
            async with httpx.AsyncClient(
                timeout=5.0, trust_env=False, transport=self._transport, verify=authorities()
            ) as http:
                reply = await http.get(f"{issuer.rstrip('/')}{DISCOVERY}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{issuer} gives no answer ({type(error).__name__})"
        return f"{issuer} answers {reply.status_code}" if reply.is_error else ""
