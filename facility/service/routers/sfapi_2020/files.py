"""file: the caller's files by their whole path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse

from facility.errors import Refused
from facility.service.caller import Caller
from facility.service.routers.files import ANSWERS, content
from facility.service.routers.sfapi.asking import FilePath, Machine
from facility.service.routers.sfapi.models import Entry
from facility.service.routers.sfapi.utilities import entry_of
from facility.service.routers.sfapi_2020.at import group
from facility.service.web.access import ServiceParts, needs
from facility.service.web.multipart import file_part

router = group("/file")
Reader = Annotated[Caller, Depends(needs("files"))]
Writer = Annotated[Caller, Depends(needs("files:write"))]

_BYTES = {"schema": {"type": "string", "format": "binary"}}
BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}}}


@router.get("/{machine}/{path:path}", responses=ANSWERS)
async def read(parts: ServiceParts, caller: Reader, machine: Machine, path: FilePath, request: Request) -> Response:
    """A file's bytes as they are, or a directory's entries."""
    files = parts.files_for(caller.mandate)
    if (await files.stat(path)).kind != "directory":
        return await content(files, path, request)
    entries = await files.ls(path, dots=True)
    return JSONResponse([entry_of(entry, path, len(entries)).model_dump() for entry in entries])


@router.put("/{machine}/{path:path}", openapi_extra=BODY)
async def write(parts: ServiceParts, caller: Writer, machine: Machine, path: FilePath, request: Request) -> Entry:
    """Put the body there, or the part `file` of a multipart form: whole or not at all."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    entry = await parts.files_for(caller.mandate).write(path, file_part(request) if is_form else _body(request))
    return entry_of(entry, path, 1)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Refused where it was announced longer than it came."""
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        yield chunk
    if length != int(request.headers.get("content-length", length)):
        raise Refused("the body was cut off; nothing was written")
