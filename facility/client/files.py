"""Verbs about one's own files at the facility. Paths are absolute there, or begin with "~/"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import quote

from facility.client.asking import Asking, listed, read_bytes, read_json
from facility.errors import Unreadable
from facility.exchange import Question
from facility.files import Checksum, Compression, Entry, Stat
from facility.wire import decode

SILENCE = 60.0  # seconds without a byte after which a file's stream counts as broken


class FileVerbs(Asking):
    """files: listing, reading and writing, with the rights that the person has there."""

    async def ls(self, path: str, *, recursive: bool = False) -> tuple[Entry, ...]:
        """The entries of a directory, or of one file. Raises NotFound and NotAllowed as the machine says."""
        query = {"view": "entries"} | ({"recursive": "true"} if recursive else {})
        return listed(Entry, await self._json("GET", _url(path), query), "entries")

    async def stat(self, path: str) -> Stat:
        """What stat(2) tells of a file."""
        return decode(Stat, await self._json("GET", _url(path), {"view": "stat"}))

    async def checksum(self, path: str, algorithm: Checksum = "sha256") -> str:
        """The checksum of a file's contents, in hexadecimal digits; computed there."""
        found = await self._json("GET", _url(path), {"view": "checksum", "algorithm": algorithm})
        if not isinstance(found, dict) or not isinstance(found.get("checksum"), str):
            raise Unreadable("the answer holds no checksum", str(found))
        return str(found["checksum"])

    async def file_type(self, path: str) -> str:
        """What is in a file, as file(1) says it there."""
        found = await self._json("GET", _url(path), {"view": "type"})
        if not isinstance(found, dict) or not isinstance(found.get("type"), str):
            raise Unreadable("the answer holds no type", str(found))
        return str(found["type"])

    async def head(self, path: str, lines: int = 10) -> bytes:
        """The first lines of a file."""
        return await self._end("head", path, lines)

    async def tail(self, path: str, lines: int = 10) -> bytes:
        """The last lines of a file."""
        return await self._end("tail", path, lines)

    async def read(self, path: str, offset: int = 0) -> bytes:
        """The contents of a file from `offset` on, at once; `download` is for large ones."""
        return b"" if (reply := await self._part(path, offset)) is None else reply

    @asynccontextmanager
    async def download(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The contents of a file, piece by piece, however large it is."""
        async with self._exchange.stream(Question("GET", _url(path)), self._bearer.sign, SILENCE) as reply:
            if reply.is_error:
                await reply.aread()
                read_json(reply)
            yield reply.aiter_bytes()

    async def write(self, path: str, contents: bytes, *, overwrite: bool = True) -> Entry:
        """Make `contents` the file's: whole or not at all. Raises Refused where one is there that must stay."""
        headers = {} if overwrite else {"If-None-Match": "*"}
        reply = await self._ask(Question("PUT", _url(path), content=contents, headers=headers))
        return decode(Entry, read_json(reply))

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file or an empty directory; with `recursive` a directory with all below."""
        await self._json("DELETE", _url(path), {"recursive": "true"} if recursive else {})

    async def make_directory(self, path: str, *, parents: bool = False) -> Entry:
        """Make a directory."""
        return decode(Entry, await self._json("POST", _url(path), body={"act": "mkdir", "parents": parents}))

    async def move(self, path: str, to: str, *, overwrite: bool = False) -> Entry:
        """Give a file another name."""
        return await self._act(path, "move", to=to, overwrite=overwrite)

    async def copy(self, path: str, to: str) -> Entry:
        """Copy a file there."""
        return await self._act(path, "copy", to=to)

    async def symlink(self, path: str, names: str) -> Entry:
        """Make a link at `path` that names another file."""
        return await self._act(path, "symlink", to=names)

    async def chmod(self, path: str, mode: int) -> Entry:
        """Set the permissions, e.g. 0o640."""
        return await self._act(path, "chmod", mode=f"{mode:o}")

    async def chown(self, path: str, group: str) -> Entry:
        """Give a file to another group of one's own."""
        return await self._act(path, "chown", group=group)

    async def compress(self, path: str, to: str, compression: Compression = "gzip", match: str = "") -> Entry:
        """Put a file or directory into a tar archive at `to`; of a directory what the regular expression matches."""
        return await self._act(path, "compress", to=to, compression=compression, match=match)

    async def extract(self, path: str, to: str) -> Entry:
        """Unpack a tar archive below the directory `to`. Raises Refused where a member would land outside."""
        return await self._act(path, "extract", to=to)

    async def _act(self, path: str, act: str, **told: str | bool) -> Entry:
        body = {"act": act} | {name: value for name, value in told.items() if value}
        return decode(Entry, await self._json("POST", _url(path), body=body))

    async def _end(self, view: Literal["head", "tail"], path: str, lines: int) -> bytes:
        return read_bytes(await self._ask(Question("GET", _url(path), {"view": view, "lines": str(lines)})))

    async def _part(self, path: str, offset: int) -> bytes | None:
        """Contents from `offset` on; None where the file ends there or before (RFC 9110, section 14)."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        reply = await self._ask(Question("GET", _url(path), headers=headers))
        return None if reply.status_code == 416 else read_bytes(reply)


def _url(path: str) -> str:
    """The route of a path; every byte of it is a part of the path, "?" and "#" too."""
    return "/files/" + quote(path.lstrip("/"), safe="/~")
