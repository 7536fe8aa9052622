"""callbacks: being told over HTTP, or by e-mail, what happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.callbacks import DeliveryState
from facility.errors import OptionError
from facility.service.accounts.people import check_person
from facility.service.caller import Caller
from facility.service.events.happenings import FINAL_JOB_EVENTS
from facility.service.web.access import ServiceParts, needs
from facility.wire import encode

router = APIRouter(prefix="/callbacks", tags=["callbacks"])

Owner = Annotated[Caller, Depends(needs("callbacks"))]
Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
DeliveryId = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$")]
Word = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewCallback(BaseModel):
    """What somebody wants to be told, and where."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field("", max_length=2000, description="https; else give an `email`")
    email: str = Field("", max_length=320, description="one's own account, where the site sends e-mail")
    events: list[Word] = Field(
        list(FINAL_JOB_EVENTS), min_length=1, max_length=50, description="events, or TOPIC.* for all of one"
    )
    filter: dict[Word, Word] = Field({}, max_length=10, description="facts that must be so, e.g. account")
    job_id: str = Field("", pattern=r"^(?:[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?)?$", description="only this job")


@router.post("", status_code=201)
async def subscribe(parts: ServiceParts, caller: Owner, new: NewCallback) -> JSONResponse:
    """Subscribe. The answer holds the secret of the signatures, this once; with `job_id` it ends with that job."""
    check_person(caller.user, parts.profile)
    events = tuple(new.events)
    if new.job_id and new.filter:
        raise OptionError("filter", "says nothing about one job; leave it out, or the job_id")
    if new.job_id:
        made = await parts.callbacks.for_job(caller.user, new.job_id, url=new.url, email=new.email, events=events)
    else:
        made = await parts.callbacks.subscribe(caller.user, new.url, events, new.filter, new.email)
    return JSONResponse(encode(made), 201)


@router.get("")
async def subscriptions(parts: ServiceParts, caller: Owner) -> JSONResponse:
    """One's own subscriptions, the oldest first."""
    found = await asyncio.to_thread(parts.callbacks.stores.subscriptions.find, caller.user)
    return JSONResponse({"callbacks": encode(found)})


@router.get("/{callback_id}")
async def subscription(parts: ServiceParts, caller: Owner, callback_id: Id) -> JSONResponse:
    """One of them."""
    found = await asyncio.to_thread(parts.callbacks.stores.subscriptions.get, callback_id, caller.user)
    return JSONResponse(encode(found))


@router.delete("/{callback_id}")
async def unsubscribe(parts: ServiceParts, caller: Owner, callback_id: Id) -> JSONResponse:
    """Forget it, with everything that waits for it."""
    await parts.callbacks.remove(callback_id, caller.user)
    return JSONResponse({"id": callback_id})


@router.post("/{callback_id}/secret")
async def replace_secret(parts: ServiceParts, caller: Owner, callback_id: Id) -> JSONResponse:
    """A new secret, told this once; for a day the old one signs too."""
    change = parts.callbacks.stores.subscriptions.replace_secret
    return JSONResponse(encode(await asyncio.to_thread(change, callback_id, caller.user, parts.clock.now())))


@router.post("/{callback_id}/ping", status_code=202)
async def ping(parts: ServiceParts, caller: Owner, callback_id: Id) -> JSONResponse:
    """Send a test event, callback.ping."""
    return JSONResponse(encode(await parts.callbacks.ping(callback_id, caller.user)), 202)


@router.get("/{callback_id}/deliveries")
async def deliveries(
    parts: ServiceParts, caller: Owner, callback_id: Id, state: DeliveryState | None = None
) -> JSONResponse:
    """What was told to it, or is to be, the newest first; `state=dead` are those that were given up."""
    stores = parts.callbacks.stores
    await asyncio.to_thread(stores.subscriptions.get, callback_id, caller.user)
    found = await asyncio.to_thread(stores.deliveries.find, callback_id, caller.user, str(state or ""))
    return JSONResponse({"deliveries": encode([replace(delivery, body="") for delivery in found])})


@router.get("/{callback_id}/deliveries/{delivery_id}")
async def delivery(parts: ServiceParts, caller: Owner, callback_id: Id, delivery_id: DeliveryId) -> JSONResponse:
    """One of them, with what is told and every attempt."""
    get = parts.callbacks.stores.deliveries.get
    return JSONResponse(encode(await asyncio.to_thread(get, delivery_id, callback_id, caller.user)))


@router.post("/{callback_id}/deliveries/{delivery_id}/resend", status_code=202)
async def send_again(parts: ServiceParts, caller: Owner, callback_id: Id, delivery_id: DeliveryId) -> JSONResponse:
    """Let it begin anew, under the same webhook-id."""
    return JSONResponse(encode(await parts.callbacks.send_again(delivery_id, callback_id, caller.user)), 202)
