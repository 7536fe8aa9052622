"""events: one stream of everything that concerns the caller."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from facility.errors import OptionError
from facility.service.caller import Caller
from facility.service.events.happenings import TOPICS
from facility.service.scopes import HUB
from facility.service.web.access import Audience, ServiceParts, needs
from facility.service.web.streams import EventStream

router = APIRouter(tags=["events"])


@router.get("/events", response_class=EventStream, status_code=200)
async def events(
    parts: ServiceParts,
    caller: Annotated[Caller, Depends(needs("jobs", HUB))],
    audience: Audience,
    topics: Annotated[str, Query(max_length=200)] = "",
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> EventStream:
    """Changes of jobs and whatever else happens (server-sent events), until the token ends.

    `topics`: some of job, transfer, reservation, resource, separated by commas; all of them where it is left out. With
    `Last-Event-ID` the stream goes on where it was; where that is not known any more it begins with a resync.
    """
    wanted = frozenset(topics.split(",")) if topics else frozenset(TOPICS)
    if unknown := wanted - set(TOPICS):
        raise OptionError("topics", f"{min(unknown)[:40]!r} is none of {', '.join(TOPICS)}")
    seconds = max((caller.expires - parts.clock.now()).total_seconds(), 0.0)
    return EventStream(partial(parts.broadcast.events, audience, last_event_id, seconds, wanted))
