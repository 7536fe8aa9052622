"""reservations: asking for one, deciding about it, changing and releasing it; and the calendar."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from facility.bookings import BookingWish
from facility.errors import NotAllowed
from facility.service.accounts.people import check_person
from facility.service.bookings.calendar import calendar
from facility.service.bookings.wishes import check
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.routers.reservations import judged_for
from facility.service.web.access import ServiceParts, needs, proved, read_caller
from facility.wire import encode

router = APIRouter(prefix="/reservations", tags=["reservations"])

PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""One line of text: nothing in it can end a line of a command's, a calendar's or a log's."""

Asker = Annotated[Caller, Depends(needs("reservations:request", "reservations:manage"))]
Staff = Annotated[Caller, Depends(needs("reservations:manage"))]
Reader = Annotated[Caller, Depends(needs("reservations"))]
Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
Text = Annotated[str, Field(max_length=64, pattern=PLAIN)]


class CalendarFile(Response):
    """An iCalendar (RFC 5545)."""

    media_type = "text/calendar"


class NewRequest(BaseModel):
    """What is asked for. Name an account, users, or both: then both must fit."""

    model_config = ConfigDict(extra="forbid")

    starts: AwareDatetime
    ends: AwareDatetime
    nodes: int = Field(ge=1, le=10**6)
    purpose: str = Field(min_length=1, max_length=500, pattern=PLAIN, description="one line; the staff decides by it")
    account: Text = ""
    users: list[Text] = Field([], max_length=100)
    partition: Text = ""
    features: str = Field("", max_length=200, pattern=PLAIN)

    def wish(self) -> BookingWish:
        """The record of it."""
        return BookingWish(**self.model_dump(exclude={"users"}), users=tuple(self.users))


class Decision(BaseModel):
    """The staff's word."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field("", max_length=500, pattern=PLAIN)


class Change(BaseModel):
    """Another end, another number of nodes, or both."""

    model_config = ConfigDict(extra="forbid")

    ends: AwareDatetime | None = None
    nodes: int | None = Field(None, ge=1, le=10**6)


@router.post("/requests", status_code=201)
async def ask(parts: ServiceParts, caller: Asker, new: NewRequest) -> JSONResponse:
    """Ask for a reservation; it waits for the staff's word."""
    check_person(caller.user, parts.profile)
    entitlements = (await parts.facts.associations.known()).value.of(caller.user)
    accounts = tuple(dict.fromkeys(entitlement.account for entitlement in entitlements))
    partitions = (await parts.facts.partitions.known()).value
    wish = check(new.wish(), accounts, partitions, parts.clock.now())
    return JSONResponse(encode(await parts.bookings.ask(caller, wish)), 201)


@router.get("/requests")
async def requests(
    parts: ServiceParts, caller: Asker, all_of_them: Annotated[bool, Query(alias="all")] = False
) -> JSONResponse:
    """One's own requests, the newest first; operators may see everybody's."""
    if all_of_them and not await _is_staff(parts, caller):
        raise NotAllowed("only operators may see the requests of others; leave out all=true")
    found = await parts.bookings.find("" if all_of_them else caller.user)
    return JSONResponse({"requests": encode(found)})


@router.get("/requests/{request_id}")
async def request(parts: ServiceParts, caller: Asker, request_id: Id) -> JSONResponse:
    """One request with its audit trail; for who asked, and operators."""
    owner = "" if await _is_staff(parts, caller) else caller.user
    return JSONResponse(encode(await parts.bookings.get(request_id, owner)))


@router.post("/requests/{request_id}/approve", status_code=202)
async def approve(parts: ServiceParts, caller: Staff, request_id: Id, decision: Decision) -> JSONResponse:
    """Let it be made in Slurm, as the operator who says so; or let its owner's change be made."""
    return JSONResponse(encode(await parts.bookings.approve(caller, request_id, decision.word)), 202)


@router.post("/requests/{request_id}/refuse")
async def refuse(parts: ServiceParts, caller: Staff, request_id: Id, decision: Decision) -> JSONResponse:
    """Say no to it, or to its owner's change."""
    return JSONResponse(encode(await parts.bookings.refuse(caller, request_id, decision.word)))


@router.patch("/requests/{request_id}", status_code=202)
async def change(parts: ServiceParts, caller: Asker, request_id: Id, wanted: Change) -> JSONResponse:
    """Shrink or extend. Who asked gives back alone; for more the staff has the word."""
    staff = await _is_staff(parts, caller)
    changed = await parts.bookings.change(caller, request_id, wanted.ends, wanted.nodes, is_operator=staff)
    return JSONResponse(encode(changed), 202)


@router.delete("/requests/{request_id}", status_code=202)
async def release(parts: ServiceParts, caller: Asker, request_id: Id) -> JSONResponse:
    """Withdraw a request, or release its reservation; for who asked, and operators."""
    staff = await _is_staff(parts, caller)
    return JSONResponse(encode(await parts.bookings.release(caller, request_id, is_operator=staff)), 202)


@router.post("/calendar/feeds", status_code=201)
async def add_feed(parts: ServiceParts, caller: Reader) -> JSONResponse:
    """A private address of one's calendar, told this once, for programs that can send no token."""
    check_person(caller.user, parts.profile)
    made, secret = await asyncio.to_thread(parts.feeds.add, caller.user, parts.clock.now())
    url = f"{parts.profile.service.url.rstrip('/')}/reservations/calendar.ics?feed={secret}"
    return JSONResponse(encode(replace(made, url=url)), 201)


@router.get("/calendar/feeds")
async def feeds(parts: ServiceParts, caller: Reader) -> JSONResponse:
    """One's addresses, without their secrets."""
    return JSONResponse({"feeds": encode(await asyncio.to_thread(parts.feeds.find, caller.user))})


@router.delete("/calendar/feeds/{feed_id}")
async def remove_feed(parts: ServiceParts, caller: Reader, feed_id: Id) -> JSONResponse:
    """Let an address open nothing any more."""
    await asyncio.to_thread(parts.feeds.remove, feed_id, caller.user)
    return JSONResponse({"id": feed_id})


@router.get("/calendar.ics", dependencies=[Depends(proved)], response_class=CalendarFile)
async def calendar_file(
    request: Request,
    parts: ServiceParts,
    feed: Annotated[str, Query(max_length=100)] = "",
    authorization: Annotated[str, Header()] = "",
) -> CalendarFile:
    """The reservations that admit one, and one's requests (iCalendar); for a private address, or with a token."""
    if feed:
        user = await asyncio.to_thread(parts.feeds.owner_of, feed)
    else:
        caller = await read_caller(request, authorization)
        user = (await needs("reservations")(parts, caller)).user
    account = check_person(user, parts.profile)
    judged = await judged_for(parts, account)
    mine = [one for one in judged.reservations if one.admits]
    asked = await parts.bookings.find(user)
    host = urlsplit(parts.profile.service.url).hostname or "facility"
    text = calendar(f"{parts.profile.name}: reservations", host, mine, asked, parts.clock.now())
    return CalendarFile(text, headers={"Cache-Control": "private, no-store"})


async def _is_staff(parts: Parts, caller: Caller) -> bool:
    """Whether the caller is an operator, and shows a token that says so."""
    return "reservations:manage" in caller.scopes and await parts.facts.is_operator(caller.user)
