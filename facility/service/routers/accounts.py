"""accounts: what one person may charge."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from facility.answers import Accounts
from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, Subject, needs
from facility.wire import encode

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.get("", dependencies=[Depends(needs("accounts", HUB))])
async def accounts(parts: ServiceParts, subject: Subject) -> JSONResponse:
    """Entitlements (account x QOS), the limits of those QOS, and the partitions with what is free."""
    associations = await parts.facts.associations.known()
    qos = await parts.facts.qos.known()
    partitions = await parts.facts.partitions.known()
    entitlements = associations.value.of(subject.pw_name)
    named = {name for entitlement in entitlements for name in entitlement.qos}
    problems = dict.fromkeys(known.problem for known in (associations, qos, partitions) if known.problem)
    answer = Accounts(
        user=subject.pw_name,
        as_of=min(associations.as_of, qos.as_of, partitions.as_of),
        entitlements=entitlements,
        qos=tuple(quality for quality in qos.value if quality.name in named),
        partitions=partitions.value,
        problem="; ".join(problems),
    )
    return JSONResponse(encode(answer))
