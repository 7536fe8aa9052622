"""Work on a person's files as durable operations: asked for now, done as that person soon, its result kept."""

from __future__ import annotations

import base64
import grp
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from facility.errors import Refused
from facility.files import Checksum, Compression, Entry
from facility.service.as_user.files import Files
from facility.service.caller import Caller, Mandate
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, Progress

FILE = "file"
LASTING = 3600.0
"""Seconds for which a task may act for the person; a large archive takes a while."""

LARGEST_CONTENT = 700_000
"""Bytes of a file that a result holds; longer ones are read and written through /files."""

Arguments = dict[str, Any]
Work = Callable[[Files, Arguments], Awaitable[Any]]


class FileTasks:
    """Stores and carries out commands on files, always as the person of a mandate."""

    def __init__(self, operations: Operations, files_for: Callable[[Mandate], Files], delegated: Delegated) -> None:
        self._files_for = files_for
        self._operations = operations
        self._delegated = delegated
        operations.handle(FILE, delegated.ending(self._work), of=("iri",))

    async def add(self, caller: Caller, command: str, arguments: Arguments) -> Operation:
        """Store one command (a key of COMMANDS); its result will hold the `output`."""
        payload = {"command": command, "arguments": arguments}
        return await self._delegated.add(caller, FILE, payload, COMMANDS[command][0], LASTING)

    async def upload(self, caller: Caller, path: str, content: bytes) -> Operation:
        """Write a file now, and store that it was done; what it holds is kept nowhere else."""

        async def whole() -> AsyncIterator[bytes]:
            yield content

        entry = await self._files_for(caller.mandate).write(path, whole())
        payload = {"command": "upload", "arguments": {"path": path}, "output": described(entry)}
        return await self._operations.add(FILE, caller.user, payload)

    async def _work(self, operation: Operation, _: Progress) -> dict[str, Any]:
        command, arguments = operation.payload["command"], operation.payload["arguments"]
        if command == "upload":
            return {"output": operation.payload["output"]}
        files = self._files_for(Mandate(operation.owner, delegation=operation.delegation))
        return {"output": await COMMANDS[command][1](files, arguments)}


def described(entry: Entry) -> dict[str, Any]:
    """An entry of a directory, in IRI's words; the size as text."""
    return {
        "name": entry.name,
        "type": "symlink" if entry.kind == "link" else entry.kind,
        "link_target": entry.target or None,
        "user": entry.user,
        "group": entry.group,
        "permissions": entry.perms,
        "last_modified": entry.modified.isoformat(),
        "size": str(entry.size),
    }


async def _ls(files: Files, asked: Arguments) -> list[dict[str, Any]]:
    found = await files.ls(asked["path"], recursive=asked["recursive"], follow=asked["dereference"])
    shown = [described(entry) for entry in found if asked["show_hidden"] or not _is_hidden(entry.name)]
    return [entry | _numbers(entry) for entry in shown] if asked["numeric_uid"] else shown


def _numbers(entry: dict[str, Any]) -> dict[str, str]:
    """Owner and group as numbers; one without a name is told as a number anyway."""
    user, group = entry["user"], entry["group"]
    return {
        "user": user if user.isdecimal() else str(pwd.getpwnam(user).pw_uid),
        "group": group if group.isdecimal() else str(grp.getgrnam(group).gr_gid),
    }


def _is_hidden(name: str) -> bool:
    """Whether a name below the directory begins with a dot, or lies in a directory whose name does."""
    return not name.startswith("/") and any(part.startswith(".") for part in name.split("/"))


async def _stat(files: Files, asked: Arguments) -> dict[str, int]:
    found = await files.stat(asked["path"], follow=asked["dereference"])
    names = ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "ctime", "mtime")
    return {name: getattr(found, name) for name in names}


async def _head(files: Files, asked: Arguments) -> dict[str, Any]:
    size, lines = asked["bytes"], asked["lines"]
    part = await files.head(asked["path"], lines=lines, size=size, skip_last=asked["skip_trailing"])
    return _content(part, "lines" if lines else "bytes", 0)


async def _tail(files: Files, asked: Arguments) -> dict[str, Any]:
    size, lines = asked["bytes"], asked["lines"]
    part = await files.tail(asked["path"], lines=lines, size=size, skip_first=asked["skip_heading"])
    if asked["skip_heading"]:
        return _content(part, "lines" if lines else "bytes", lines or size)
    return _content(part, "lines" if lines else "bytes", None)


async def _view(files: Files, asked: Arguments) -> dict[str, Any]:
    part = await files.view(asked["path"], offset=asked["offset"], size=asked["size"])
    return _content(part, "bytes", asked["offset"])


def _content(part: bytes, unit: str, start: int | None) -> dict[str, Any]:
    """Content with where it stands; without a `start` it stands at the end, and is counted from there."""
    _check_size(len(part))
    count = len(part.splitlines()) if unit == "lines" else len(part)
    first, last = (start, start + count) if start is not None else (-count, 0)
    text = part.decode("utf-8", "backslashreplace")
    return {"content": text, "content_type": unit, "start_position": first, "end_position": last}


async def _download(files: Files, asked: Arguments) -> str:
    parts = bytearray()
    async for piece in files.read(asked["path"], limit=LARGEST_CONTENT + 1):
        parts += piece
    _check_size(len(parts))
    return base64.b64encode(parts).decode()


def _check_size(size: int) -> None:
    if size > LARGEST_CONTENT:
        raise Refused(f"it is longer than the {LARGEST_CONTENT} bytes that a task holds; read it through /files")


async def _checksum(files: Files, asked: Arguments) -> dict[str, str]:
    algorithm: Checksum = "sha256"
    return {"algorithm": "SHA-256", "checksum": await files.checksum(asked["path"], algorithm)}


async def _type(files: Files, asked: Arguments) -> str:
    return await files.file_type(asked["path"])


async def _remove(files: Files, asked: Arguments) -> str:
    await files.remove(asked["path"], recursive=True)
    return f"{asked['path']} was removed"


async def _chmod(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.chmod(asked["path"], int(asked["mode"], 8)))


async def _chown(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.chown(asked["path"], asked["group"]))


async def _mkdir(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.mkdir(asked["path"], parents=asked["parent"]))


async def _symlink(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.symlink(asked["path"], asked["link_path"]))


async def _move(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.move(asked["path"], asked["target_path"], overwrite=True))


async def _copy(files: Files, asked: Arguments) -> dict[str, Any]:
    return described(await files.copy(asked["path"], asked["target_path"], follow=asked["dereference"]))


async def _compress(files: Files, asked: Arguments) -> dict[str, Any]:
    compression: Compression = asked["compression"]
    match = asked["match_pattern"] or ""
    entry = await files.compress(
        asked["path"], asked["target_path"], compression=compression, match=match, follow=asked["dereference"]
    )
    return described(entry)


async def _extract(files: Files, asked: Arguments) -> dict[str, Any]:
    compression: Compression = asked["compression"]
    return described(await files.extract(asked["path"], asked["target_path"], compression=compression))


COMMANDS: dict[str, tuple[frozenset[str], Work]] = {
    "ls": (frozenset({"ls"}), _ls),
    "stat": (frozenset({"stat"}), _stat),
    "head": (frozenset({"head"}), _head),
    "tail": (frozenset({"tail"}), _tail),
    "view": (frozenset({"read"}), _view),
    "download": (frozenset({"read"}), _download),
    "checksum": (frozenset({"checksum"}), _checksum),
    "file": (frozenset({"file-type"}), _type),
    "rm": (frozenset({"remove"}), _remove),
    "chmod": (frozenset({"chmod"}), _chmod),
    "chown": (frozenset({"chown"}), _chown),
    "mkdir": (frozenset({"mkdir"}), _mkdir),
    "symlink": (frozenset({"symlink"}), _symlink),
    "mv": (frozenset({"move"}), _move),
    "cp": (frozenset({"copy"}), _copy),
    "compress": (frozenset({"compress"}), _compress),
    "extract": (frozenset({"extract"}), _extract),
}
"""Command -> the verbs that it needs leave for, and what it does."""
