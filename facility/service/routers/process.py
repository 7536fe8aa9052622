"""What every process of the service answers: how it and what it stands on are. For everybody."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from facility.answers import Health
from facility.profile import Profile
from facility.providers.slurm.run import current_user
from facility.service.web.access import ServiceParts, public
from facility.service.web.metrics import exposition
from facility.wire import encode

router = APIRouter(tags=["process"])


@router.get("/health", dependencies=[Depends(public)])
async def health(parts: ServiceParts) -> JSONResponse:
    """Every subsystem with since-when it is up or down, and the age of the last look at the queue."""
    subsystems = tuple(watched.subsystem for watched in parts.watched)
    now, taken = parts.clock.now(), parts.ledger.taken
    looks = parts.names != {"identity"}  # identity alone does not look at the queue
    answer = Health(
        ok=not any(subsystem.state == "down" for subsystem in subsystems) and (taken is not None or not looks),
        version=_version(),
        now=now,
        poll_age=(now - taken).total_seconds() if taken else None,
        subsystems=subsystems,
        serves=_serves(parts.profile),
    )
    return JSONResponse(encode(answer))


def _serves(profile: Profile) -> str:
    """In whose name this service can act."""
    if profile.as_user:
        return f"the members of {profile.as_user.group}, each as themselves"
    return f"one user, {current_user()}, and nobody else: it runs without a root helper"


@router.get("/metrics", dependencies=[Depends(public)], response_class=PlainTextResponse)
async def metrics(parts: ServiceParts, request: Request) -> Response:
    """Figures of this process for Prometheus."""
    return Response(await exposition(parts, request.app.state.requests), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _version() -> str:
    try:
        return version("beamside")
    except PackageNotFoundError:
        return "not installed"
