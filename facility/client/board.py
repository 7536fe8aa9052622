"""Verbs about how the facility is: the service and its parts, resources, outages and notes.

Asking needs no token; announcing needs an operator's, with the scope status:manage.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from facility.answers import Health
from facility.client.asking import Asking, listed
from facility.status import Board, Note, Outage, Resource
from facility.wire import decode, encode


class BoardVerbs(Asking):
    """health: how things are, and what operators announce."""

    async def health(self) -> Health:
        """How the service is."""
        return decode(Health, await self._facts("/health", signed=False))

    async def board(self) -> Board:
        """Resources, outages that are or will be, and notes, in one answer."""
        return decode(Board, await self._facts("/health/board", signed=False))

    async def resources(self) -> tuple[Resource, ...]:
        """Systems, partitions, the queue, and each part of the service, with since-when."""
        return listed(Resource, await self._json("GET", "/health/resources", signed=False), "resources")

    async def resource(self, name: str) -> Resource:
        """One of them. Raises NotFound."""
        return decode(Resource, await self._json("GET", f"/health/resources/{quote(name, safe='')}", signed=False))

    async def outages(self, resource: str = "", *, past: bool = False) -> tuple[Outage, ...]:
        """Outages that are or will be, of one resource or of all; with `past` those that are over too."""
        found = await self._json("GET", "/health/outages", _about(resource, past), signed=False)
        return listed(Outage, found, "outages")

    async def notes(self, resource: str = "", *, past: bool = False) -> tuple[Note, ...]:
        """What operators say, likewise."""
        found = await self._json("GET", "/health/notes", _about(resource, past), signed=False)
        return listed(Note, found, "notes")

    async def announce_outage(
        self,
        description: str,
        resource: str = "",
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        state: Literal["down", "degraded"] = "down",
    ) -> Outage:
        """Announce an outage of a resource (empty: of the whole facility), from now on or later."""
        told = {"resource": resource, "description": description, "state": state}
        times = {"starts": encode(starts), "ends": encode(ends)}
        return decode(Outage, await self._json("POST", "/health/outages", body=told | times))

    async def end_outage(self, outage_id: str) -> Outage:
        """End an outage that has begun, cancel one that has not."""
        return decode(Outage, await self._json("DELETE", f"/health/outages/{outage_id}"))

    async def post_note(self, text: str, resource: str = "", until: datetime | None = None) -> Note:
        """Say something about a resource, or about the whole facility."""
        body = {"resource": resource, "text": text, "until": encode(until)}
        return decode(Note, await self._json("POST", "/health/notes", body=body))

    async def remove_note(self, note_id: str) -> None:
        """Take a note back."""
        await self._json("DELETE", f"/health/notes/{note_id}")


def _about(resource: str, past: bool) -> dict[str, str]:
    return ({"resource": resource} if resource else {}) | ({"past": "true"} if past else {})
