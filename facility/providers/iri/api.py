"""An IRI Facility API (version 2) as one client; its errors are problem details (RFC 9457)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from facility.exchange import IDEMPOTENCY_KEY, Question
from facility.providers.api import SiteApi

WITHOUT_KEYS = 501
"""What a facility says that keeps no Idempotency-Key."""


class Api(SiteApi):
    """One IRI Facility API (parameters: `SiteApi`)."""

    WHOM = "the IRI API"
    WORDS = ("detail", "title")

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> object:
        """Ask. Raises the error that the answer tells of."""
        return await self.ask(Question("GET", path, query or {}))

    async def delete(self, path: str) -> None:
        """End something."""
        await self.ask(Question("DELETE", path))

    async def look(self, path: str, query: Mapping[str, str]) -> object:
        """Ask by POST, which here changes nothing."""
        return await self.ask(Question("POST", path, query, body={}))

    async def launch(self, path: str, body: object) -> object:
        """Start something once: with a key, so that it may be asked again; a facility without keys is asked once."""
        headers = {IDEMPOTENCY_KEY: f'"{uuid.uuid4()}"'}
        reply = await self.answer(Question("POST", path, body=body, headers=headers))
        if reply.status_code == WITHOUT_KEYS:
            reply = await self.answer(Question("POST", path, body=body))
        return self.read(reply)
