"""files: one's own files, read and written as oneself; whoever's permissions the kernel sees decide."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import Refused
from facility.files import Checksum, Compression, Entry, Stat
from facility.service.as_user.files import Files
from facility.service.caller import Caller
from facility.service.web.access import ServiceParts, needs
from facility.wire import encode

router = APIRouter(prefix="/files", tags=["files"])

Reader = Annotated[Caller, Depends(needs("files"))]
Writer = Annotated[Caller, Depends(needs("files:write"))]
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The content, or what `view` asks for", "content": BYTES | {"application/json": {}}},
    206: {"description": "The range that was asked for", "content": BYTES},
    304: {"description": "It is still what If-None-Match names"},
    416: {"description": "The file is shorter than that"},
}
RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


async def read_path(path: Annotated[str, Path(max_length=4096, description="absolute, or ~/ and below it")]) -> str:
    """The path as the worker takes it; the slash after /files is that of the root."""
    return path if path == "~" or path.startswith("~/") else "/" + path.lstrip("/")


FilePath = Annotated[str, Depends(read_path)]


class Wanted(BaseModel):
    """What of a file is asked for. `lines`, `size` and `skip` are of head and tail: so many, or all but so many."""

    model_config = ConfigDict(extra="forbid")

    view: Literal["content", "entries", "stat", "type", "head", "tail", "checksum"] = "content"
    dots: bool = False
    recursive: bool = False
    follow: bool = True
    lines: int | None = Field(None, ge=0, le=10**9)
    size: int | None = Field(None, ge=0, le=4 * 2**20)
    skip: bool = False
    algorithm: Checksum = "sha256"


class Act(BaseModel):
    """What is done with a file; each act needs what its command needs."""

    model_config = ConfigDict(extra="forbid")

    act: Literal["mkdir", "symlink", "move", "copy", "chmod", "chown", "compress", "extract"]
    to: str = Field("", max_length=4096)  # where to: of move, copy, compress and extract; what a link names
    parents: bool = False
    overwrite: bool = False
    follow: bool = False
    mode: str = Field("", pattern=r"^[0-7]{0,4}$")
    group: str = Field("", max_length=64)
    compression: Compression | None = None
    match: str = Field("", max_length=1000)


@router.get("/{path:path}", response_model=None, responses=ANSWERS)
async def read(  # noqa: PLR0911 - one for each view
    parts: ServiceParts,
    caller: Reader,
    path: FilePath,
    wanted: Annotated[Wanted, Query()],
    request: Request,
) -> Response:
    """The content of a file (with ETag and ranges), the entries of a directory, or what `view` asks for."""
    files = parts.files_for(caller.mandate)
    match wanted.view:
        case "content":
            return await content(files, path, request)
        case "entries":
            entries = await files.ls(path, dots=wanted.dots, recursive=wanted.recursive, follow=wanted.follow)
            return JSONResponse({"path": path, "entries": encode(entries)})
        case "stat":
            return JSONResponse(encode(await files.stat(path, follow=wanted.follow)))
        case "type":
            return JSONResponse({"path": path, "type": await files.file_type(path)})
        case "head":
            shown = await files.head(path, lines=wanted.lines, size=wanted.size, skip_last=wanted.skip)
            return Response(shown, media_type="application/octet-stream")
        case "tail":
            shown = await files.tail(path, lines=wanted.lines, size=wanted.size, skip_first=wanted.skip)
            return Response(shown, media_type="application/octet-stream")
        case "checksum":
            found = await files.checksum(path, wanted.algorithm)
            return JSONResponse({"path": path, "algorithm": wanted.algorithm, "checksum": found})


@router.put("/{path:path}", status_code=201, openapi_extra={"requestBody": {"required": True, "content": BYTES}})
async def write(
    parts: ServiceParts,
    caller: Writer,
    path: FilePath,
    request: Request,
    if_none_match: Annotated[str, Header(max_length=200)] = "",
) -> JSONResponse:
    """Put the body into the file: whole or not at all. With `If-None-Match: *` only where there is none."""
    if if_none_match not in {"", "*"}:
        raise Refused("a file is written over, or with If-None-Match: * only where there is none")
    entry = await parts.files_for(caller.mandate).write(path, request.stream(), overwrite=not if_none_match)
    return JSONResponse(encode(entry), 201)


@router.delete("/{path:path}")
async def remove(
    parts: ServiceParts, caller: Writer, path: FilePath, recursive: Annotated[bool, Query()] = False
) -> JSONResponse:
    """Remove a file, a link or an empty directory; with `recursive` a directory with all below."""
    await parts.files_for(caller.mandate).remove(path, recursive=recursive)
    return JSONResponse({"path": path})


@router.post("/{path:path}")
async def act(parts: ServiceParts, caller: Writer, path: FilePath, wanted: Act) -> JSONResponse:
    """Do something with a file; the entry that is there then comes back."""
    return JSONResponse(encode(await _do(parts.files_for(caller.mandate), path, wanted)))


async def _do(files: Files, path: str, wanted: Act) -> Entry:  # noqa: PLR0911 - one for each act
    if wanted.act in {"symlink", "move", "copy", "compress", "extract"} and not wanted.to:
        raise Refused(f"{wanted.act} needs `to`")
    match wanted.act:
        case "mkdir":
            return await files.mkdir(path, parents=wanted.parents)
        case "symlink":
            return await files.symlink(wanted.to, path)
        case "move":
            return await files.move(path, wanted.to, overwrite=wanted.overwrite)
        case "copy":
            return await files.copy(path, wanted.to, follow=wanted.follow)
        case "chmod":
            if not wanted.mode:
                raise Refused("chmod needs `mode`, e.g. 0640")
            return await files.chmod(path, int(wanted.mode, 8))
        case "chown":
            return await files.chown(path, wanted.group)
        case "compress":
            how = wanted.compression or "gzip"
            return await files.compress(path, wanted.to, compression=how, match=wanted.match, follow=wanted.follow)
        case "extract":
            return await files.extract(path, wanted.to, compression=wanted.compression)


async def content(files: Files, path: str, request: Request) -> Response:
    """A file's bytes. RFC 9110: one range of bytes is answered by 206; a tag that is known already by 304."""
    found = await files.stat(path)
    tag = f'W/"{found.ino:x}-{found.mtime:x}-{found.ctime:x}-{found.size:x}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    headers["Last-Modified"] = format_datetime(datetime.fromtimestamp(found.mtime, UTC), usegmt=True)
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    asked = RANGE.fullmatch(request.headers.get("range", ""))
    if not asked or "if-range" in request.headers:  # the tag is a weak one, by which no range is the same
        return await _streamed(files, path, 0, found.size, 200, headers)
    span = _span(found, asked["first"], asked["last"])
    if span is None:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{found.size}"})
    start, stop = span
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.size}"
    return await _streamed(files, path, start, stop - start, 206, headers)


def _span(found: Stat, first: str, last: str) -> tuple[int, int] | None:
    """From where up to where; None for a range that holds nothing."""
    if first:
        start, stop = int(first), min(int(last) + 1, found.size) if last else found.size
    else:
        start, stop = found.size - min(int(last or 0), found.size), found.size
    return (start, stop) if start < stop else None


async def _streamed(
    files: Files, path: str, offset: int, length: int, status: int, headers: dict[str, str]
) -> StreamingResponse:
    """So many bytes; what goes wrong before the first of them is still an error of its own."""
    pieces = files.read(path, offset=offset, limit=length)
    first = await anext(pieces, b"")

    async def rest() -> AsyncIterator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    sized = headers | {"Content-Length": str(length)}
    return StreamingResponse(rest(), status, sized, media_type="application/octet-stream")
