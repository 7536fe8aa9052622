"""utilities: the caller's files, listed, read and written as the caller, and commands in the caller's own shell."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request

from facility.errors import Refused
from facility.files import Entry as FileEntry
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.routers.sfapi.asking import ERRORS, PREFIX, FilePath, Machine, refused, started
from facility.service.routers.sfapi.models import Directory, Download, Entry, Started, Uploaded
from facility.service.web.access import ServiceParts, needs
from facility.service.web.multipart import file_part

router = APIRouter(prefix=f"{PREFIX}/utilities", tags=["Superfacility utilities"], responses=ERRORS)
Reader = Annotated[Caller, Depends(needs("files"))]
Writer = Annotated[Caller, Depends(needs("files:write"))]
Commander = Annotated[Caller, Depends(needs("commands"))]

LARGEST_DOWNLOAD = 32 * 2**20
"""Bytes of a file that is answered inside JSON; what is larger is for transfers."""

_FILE = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
FILE_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FILE}}}}
"""The form for the OpenAPI description; it is read as it comes, so FastAPI does not see it."""


@router.get("/ls/{machine}/{path:path}")
async def ls(parts: ServiceParts, caller: Reader, machine: Machine, path: FilePath) -> Directory:
    """What lies in a directory, "." and ".." with it; of a file the one entry that it is, under its whole path."""
    try:
        entries = await parts.files_for(caller.mandate).ls(path, dots=True)
    except Refused as refusal:
        return Directory(status="ERROR", entries=[], error=refused(refusal))
    return Directory(status="OK", entries=[entry_of(entry, path, len(entries)) for entry in entries])


@router.get("/download/{machine}/{path:path}")
async def download(
    parts: ServiceParts, caller: Reader, machine: Machine, path: FilePath, binary: Annotated[bool, Query()] = False
) -> Download:
    """The contents of a file: as text, or in base64 where it is none or `binary` is asked for."""
    try:
        raw = await read_whole(parts, caller, path)
    except Refused as refusal:
        return Download(status="ERROR", error=refused(refusal))
    if not binary:
        try:
            return Download(status="OK", file=raw.decode("utf-8"))
        except UnicodeDecodeError:
            pass  # told as what it is
    return Download(status="OK", file=base64.b64encode(raw).decode(), is_binary=True)


@router.put("/upload/{machine}/{path:path}", openapi_extra=FILE_FORM)
async def upload(parts: ServiceParts, caller: Writer, machine: Machine, path: FilePath, request: Request) -> Uploaded:
    """Put the form's part `file` there: whole or not at all; one that is there is replaced."""
    try:
        entry = await parts.files_for(caller.mandate).write(path, file_part(request))
    except Refused as refusal:
        return Uploaded(status="ERROR", error=refused(refusal))
    return Uploaded(status="OK", output=f"{path}: {entry.size} bytes")


@router.post("/command/{machine}")
async def command(
    parts: ServiceParts, caller: Commander, machine: Machine, executable: Annotated[str, Form()]
) -> Started:
    """Run a text in the caller's login shell; the task's result holds `output`, `error` and `exit_code`."""
    try:
        return await started(parts, await parts.commands.run(caller, executable))
    except Refused as refusal:
        return Started(task_id="", status="ERROR", error=refused(refusal))


async def read_whole(parts: Parts, caller: Caller, path: str) -> bytes:
    """The bytes of a file. Raises Refused for one that is too large to be answered in one piece."""
    pieces = parts.files_for(caller.mandate).read(path, limit=LARGEST_DOWNLOAD + 1)
    raw = b"".join([piece async for piece in pieces])
    if len(raw) > LARGEST_DOWNLOAD:
        raise Refused(f"{path} is larger than {LARGEST_DOWNLOAD} bytes; start a transfer for it")
    return raw


def entry_of(entry: FileEntry, path: str, count: int) -> Entry:
    """A line as clients read it: a listing of one entry is one of a file, whose name is then the whole path."""
    name = entry.name
    if count == 1:
        name = f"{path} -> {entry.target}" if entry.kind == "link" else path
    return Entry(
        perms=entry.perms,
        hardlinks=entry.hardlinks,
        user=entry.user,
        group=entry.group,
        size=entry.size,
        date=f"{entry.modified.astimezone():%Y-%m-%dT%H:%M:%S}",
        name=name,
    )
