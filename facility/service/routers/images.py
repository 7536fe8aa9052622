"""images: the environments a server can start in."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, Subject, needs
from facility.wire import encode

router = APIRouter(prefix="/images", tags=["images"])


@router.get("", dependencies=[Depends(needs("images", HUB))])
async def images(parts: ServiceParts, subject: Subject) -> JSONResponse:
    """The images that can run here, and those that cannot with the reason."""
    return JSONResponse(encode(await parts.catalogue.images(subject.pw_name)))
