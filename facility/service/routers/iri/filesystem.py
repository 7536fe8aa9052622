"""filesystem: commands on the caller's own files, each a task; version 1 asks some by other methods than version 2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from facility.errors import Refused
from facility.service.caller import Caller
from facility.service.operations.service import Operation
from facility.service.routers.iri import file_models as asks
from facility.service.routers.iri.board import check_resource
from facility.service.routers.iri.version import Api, TheApi
from facility.service.web.access import ServiceParts, needs

router_v1 = APIRouter(prefix="/filesystem", tags=["iri filesystem"])
router_v2 = APIRouter(prefix="/filesystem", tags=["iri filesystem"])

LARGEST_UPLOAD = 5_242_880
"""Bytes of a file that is uploaded through IRI; larger ones go through /files or a transfer."""

Endpoint = Callable[..., Awaitable[asks.TaskSubmitted]]


@dataclass(frozen=True)
class _Command:
    """How one command is asked for."""

    name: str
    body: type[BaseModel]
    writes: bool
    status: int = 200
    v1: str = "POST"  # version 1's method: GET and DELETE ask in the query string


COMMANDS = (
    _Command("chmod", asks.Chmod, writes=True, v1="PUT"),
    _Command("chown", asks.Chown, writes=True, v1="PUT"),
    _Command("file", asks.OnePath, writes=False, v1="GET"),
    _Command("stat", asks.Stat, writes=False, v1="GET"),
    _Command("mkdir", asks.MakeDirectory, writes=True, status=201),
    _Command("symlink", asks.Symlink, writes=True, status=201),
    _Command("ls", asks.List, writes=False, v1="GET"),
    _Command("head", asks.Head, writes=False, v1="GET"),
    _Command("view", asks.View, writes=False, v1="GET"),
    _Command("tail", asks.Tail, writes=False, v1="GET"),
    _Command("checksum", asks.OnePath, writes=False, v1="GET"),
    _Command("rm", asks.OnePath, writes=True, v1="DELETE"),
    _Command("compress", asks.Compress, writes=True, status=201),
    _Command("extract", asks.Extract, writes=True, status=201),
    _Command("mv", asks.Transfer, writes=True, status=201),
    _Command("cp", asks.Copy, writes=True, status=201),
    _Command("download", asks.OnePath, writes=False, v1="GET"),
)


def _endpoint(command: _Command, asked_in: object) -> Endpoint:
    """The route of one command, whose parameter comes from where `asked_in` says."""

    async def endpoint(
        parts: ServiceParts, api: TheApi, caller: Caller, resource_id: str, asked: BaseModel
    ) -> asks.TaskSubmitted:
        check_resource(api, parts, resource_id)
        arguments = asked.model_dump()
        if "compression" in arguments:
            arguments["compression"] = arguments["compression"].rpartition(":")[2]
        return submitted(api, await parts.file_tasks.add(caller, command.name, arguments))

    gate = Depends(needs("files:write" if command.writes else "files"))
    # FastAPI reads these, and a type that is made in a loop can be written nowhere else
    endpoint.__annotations__ |= {
        "parts": ServiceParts,
        "api": TheApi,
        "caller": Annotated[Caller, gate],
        "resource_id": str,
        "asked": Annotated[command.body, asked_in],
        "return": asks.TaskSubmitted,
    }
    endpoint.__doc__ = f"{(command.body.__doc__ or '').strip()} Answers where the result will be."
    return endpoint


def submitted(api: Api, operation: Operation) -> asks.TaskSubmitted:
    """Where the result of an operation will be."""
    return asks.TaskSubmitted(task_id=operation.id, task_uri=api.uri("task", operation.id))


for _command in COMMANDS:
    _path = f"/{_command.name}/{{resource_id}}"
    _how: dict[str, Any] = {"name": _command.name, "status_code": _command.status, "response_model": asks.TaskSubmitted}
    router_v2.add_api_route(_path, _endpoint(_command, Body()), methods=["POST"], **_how)
    _asked_in = Query() if _command.v1 in {"GET", "DELETE"} else Body()
    router_v1.add_api_route(_path, _endpoint(_command, _asked_in), methods=[_command.v1], **_how)


class TextFile(asks.Asked):
    """A file as text, from a client that sends JSON only."""

    file: str


@router_v1.post("/upload/{resource_id}", name="upload")
@router_v2.post("/upload/{resource_id}", name="upload")
async def upload(
    parts: ServiceParts,
    api: TheApi,
    request: Request,
    caller: Annotated[Caller, Depends(needs("files:write"))],
    resource_id: str,
    path: Annotated[asks.Path, Query()],
) -> asks.TaskSubmitted:
    """Write a file: the part `file` of multipart/form-data, or, as text, the key `file` of JSON."""
    check_resource(api, parts, resource_id)
    content = await _sent(request)
    if len(content) > LARGEST_UPLOAD:
        raise Refused(f"a file may have {LARGEST_UPLOAD} bytes here; use /files or a transfer for larger ones")
    return submitted(api, await parts.file_tasks.upload(caller, path, content))


async def _sent(request: Request) -> bytes:
    """The file in a request's body. Raises Refused where there is none."""
    if request.headers.get("Content-Type", "").startswith("application/json"):
        try:
            return TextFile.model_validate_json(await request.body()).file.encode()
        except (ValidationError, UnicodeEncodeError) as error:
            raise Refused('the body must be {"file": TEXT}, or multipart/form-data with a part `file`') from error
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if isinstance(file, UploadFile):
            return await file.read()
    raise Refused("the body must be multipart/form-data with a part `file`")
