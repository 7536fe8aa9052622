"""reservations: which admit me, and if not, why; and whether a job fits inside."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse

from facility.admission import JudgedReservation, judge, names
from facility.answers import Reservations
from facility.errors import NotAllowed, NotFound
from facility.fit import fit
from facility.models import Reservation
from facility.service.accounts.people import groups_of
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, Subject, needs
from facility.wire import encode

router = APIRouter(prefix="/reservations", tags=["reservations"])

Reader = Annotated[Caller, Depends(needs("reservations", HUB))]
ReservationName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


@router.get("")
async def reservations(
    parts: ServiceParts,
    caller: Reader,
    subject: Subject,
    all_of_them: Annotated[bool, Query(alias="all")] = False,
    upcoming: bool = False,
) -> JSONResponse:
    """Reservations that admit the person, running or to come, the first to begin first; operators may see all.

    With `upcoming` only those that have not begun. `near` are those that name the person and do not admit all the same,
    e.g. by another account, without their lists.
    """
    if all_of_them and not await parts.facts.is_operator(caller.user):
        raise NotAllowed("only operators may see the reservations of others; leave out all=true")
    answer = await judged_for(parts, subject)
    shown = (j for j in answer.reservations if j.admits or all_of_them)
    wanted = tuple(j for j in shown if not upcoming or j.starts_in)
    near = tuple(j for j in answer.near if not upcoming or j.starts_in)
    return JSONResponse(encode(replace(answer, reservations=wanted, near=near)))


@router.get("/{name}")
async def reservation(parts: ServiceParts, caller: Reader, subject: Subject, name: ReservationName) -> JSONResponse:
    """One reservation, and why it does not admit the person where it does not; for whom else it is, operators see."""
    answer = await judged_for(parts, subject)
    found = next((judged for judged in answer.reservations if judged.name == name), None)
    if found is None:
        raise NotFound(f"there is no reservation {name}, or it has ended")
    if not found.admits and not await parts.facts.is_operator(caller.user):
        found = replace(found, users=(), accounts=(), groups=())
    return JSONResponse(encode(found))


@router.get("/{name}/fit")
async def fits(
    parts: ServiceParts,
    _: Reader,
    name: ReservationName,
    nodes: Annotated[int, Query(ge=1, le=10**6)],
    walltime: Annotated[int, Query(ge=1, le=366 * 86400, description="seconds")],
) -> JSONResponse:
    """When a job of so many nodes for so long fits inside: "4 nodes for 2 h: fits until 16:40 UTC"."""
    found = await known_reservation(parts, name)
    waiting = parts.occupancy.waiting_for(name)
    span = timedelta(seconds=walltime)
    return JSONResponse(encode(fit(found, parts.occupancy.busy(), waiting, nodes, span, parts.clock.now())))


async def known_reservation(parts: Parts, name: str) -> Reservation:
    """The reservation of that name. Raises NotFound."""
    known = (await parts.facts.reservations.known()).value
    now = parts.clock.now()
    found = next((reservation for reservation in known if reservation.name == name and reservation.ends > now), None)
    if found is None:
        raise NotFound(f"there is no reservation {name}, or it has ended")
    return found


async def judged_for(parts: Parts, subject: Subject) -> Reservations:
    """All that have not ended, judged for one person, the first to begin first."""
    known = await parts.facts.reservations.known()
    associations = await parts.facts.associations.known()
    partitions = parts.facts.partitions.latest
    down = tuple(partition.name for partition in partitions.value if not partition.is_up) if partitions else ()
    now, user = parts.clock.now(), subject.pw_name
    entitlements, groups = associations.value.of(user), groups_of(subject)
    current = [reservation for reservation in known.value if reservation.ends > now]
    judged = (judge(reservation, user, entitlements, groups, now, down) for reservation in current)
    with_nodes = (replace(one, free_nodes=parts.occupancy.free(one)) for one in judged)
    ordered: list[JudgedReservation] = sorted(with_nodes, key=lambda j: (j.starts, j.name))
    near = (j for j in ordered if not j.admits and names(j, user, entitlements, groups))
    shown = tuple(replace(j, users=(), accounts=(), groups=()) for j in near)
    return Reservations(user, known.as_of, tuple(ordered), known.problem or associations.problem, shown)
