"""The files of one person through the worker: arguments out, lines of JSON or bytes back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from typing import Any

from facility.as_user import SHORT, STREAM, Acting
from facility.errors import Refused, Unreadable
from facility.files import Checksum, Compression, Entry, Stat

LONG = 3600.0
"""Seconds for what reads or writes whole files. A transfer that takes longer is one for the engines."""


class WorkerFiles:
    """See `facility.service.as_user.files.Files`; `largest` is the largest file, in bytes, that may be written here."""

    def __init__(self, acting: Acting, largest: int) -> None:
        self._acting = acting
        self._largest = largest

    async def ls(self, path: str, *, dots: bool = False, recursive: bool = False, follow: bool = False) -> list[Entry]:
        """See `Files.ls`."""
        flags = {"dots": dots, "recursive": recursive, "follow": follow}
        told = await self._ask("ls", path, " ".join(name for name, wanted in flags.items() if wanted), seconds=LONG)
        return [_entry(record) for record in _records(told)]

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """See `Files.stat`."""
        return Stat(**_one(await self._ask("stat", path, _flag("follow", follow))))

    async def file_type(self, path: str) -> str:
        """See `Files.file_type`."""
        return (await self._ask("file-type", path)).decode(errors="backslashreplace").strip()

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Files.read`."""
        arguments = [_path(path), str(offset), "" if limit is None else str(limit)]
        async with self._acting.start("read", arguments, "", LONG) as going:
            await going.send(_nothing())
            async for _, piece in going.pieces():
                yield piece

    async def write(
        self, path: str, chunks: AsyncIterable[bytes], *, overwrite: bool = True, largest: int | None = None
    ) -> Entry:
        """See `Files.write`."""
        most = self._largest if largest is None else largest
        arguments = [_path(path), _flag("overwrite", overwrite), str(most)]
        async with self._acting.start("write", arguments, STREAM, LONG) as going:
            await going.send(chunks)
            return _entry(_one(b"".join([piece async for _, piece in going.pieces()])))

    async def mkdir(self, path: str, *, parents: bool = False) -> Entry:
        """See `Files.mkdir`."""
        return await self._change("mkdir", path, _flag("parents", parents))

    async def symlink(self, target: str, path: str) -> Entry:
        """See `Files.symlink`."""
        return await self._change("symlink", target, path)

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """See `Files.move`."""
        return await self._change("move", source, target, _flag("overwrite", overwrite))

    async def copy(self, source: str, target: str, *, follow: bool = False) -> Entry:
        """See `Files.copy`."""
        return await self._change("copy", source, target, _flag("follow", follow))

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """See `Files.remove`."""
        await self._ask("remove", path, _flag("recursive", recursive), seconds=LONG)

    async def chmod(self, path: str, mode: int) -> Entry:
        """See `Files.chmod`."""
        return await self._change("chmod", path, f"{mode:o}")

    async def chown(self, path: str, group: str) -> Entry:
        """See `Files.chown`."""
        return await self._change("chown", path, group)

    async def checksum(self, path: str, algorithm: Checksum = "sha256") -> str:
        """See `Files.checksum`."""
        return (await self._ask("checksum", path, algorithm, seconds=LONG)).decode()

    async def head(
        self, path: str, *, lines: int | None = None, size: int | None = None, skip_last: bool = False
    ) -> bytes:
        """See `Files.head`."""
        return await self._ask("head", path, *_amount(lines, size), _flag("skip", skip_last))

    async def tail(
        self, path: str, *, lines: int | None = None, size: int | None = None, skip_first: bool = False
    ) -> bytes:
        """See `Files.tail`."""
        return await self._ask("tail", path, *_amount(lines, size), _flag("skip", skip_first))

    async def view(self, path: str, *, offset: int = 0, size: int = 2**20) -> bytes:
        """See `Files.view`."""
        if not 0 <= size <= 4 * 2**20 or offset < 0:
            raise Refused("a view shows from 0 to 4194304 bytes, from an offset that is not negative")
        return await self._ask("read", path, str(offset), str(size))

    async def compress(
        self, source: str, target: str, *, compression: Compression = "gzip", match: str = "", follow: bool = False
    ) -> Entry:
        """See `Files.compress`."""
        return await self._change("compress", source, target, compression, match, _flag("follow", follow))

    async def extract(self, source: str, target: str, *, compression: Compression | None = None) -> Entry:
        """See `Files.extract`."""
        return await self._change("extract", source, target, compression or "")

    async def _change(self, verb: str, *arguments: str) -> Entry:
        """A verb that tells the entry it made or changed."""
        return _entry(_one(await self._ask(verb, *arguments, seconds=LONG)))

    async def _ask(self, verb: str, *arguments: str, seconds: float = SHORT) -> bytes:
        return (await self._acting.act(verb, [_path(text) for text in arguments], timeout=seconds)).stdout


def _path(text: str) -> str:
    """Text that can name a file. Raises Refused for what no file can be called."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"{text!r} is no text that can be written in UTF-8") from error
    if "\0" in text:
        raise Refused(f"{text!r} holds a zero byte")
    return text


def _flag(name: str, wanted: bool) -> str:
    return name if wanted else ""


def _amount(lines: int | None, size: int | None) -> tuple[str, str]:
    """The unit and how many, as head(1) and tail(1) have them; ten lines where nothing is said."""
    if lines is not None and size is not None:
        raise Refused("say how many lines or how many bytes, not both")
    if size is not None:
        return "size", str(size)
    return "lines", str(10 if lines is None else lines)


def _records(told: bytes) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in told.splitlines()]
    except ValueError as error:
        raise Unreadable("the worker's answer cannot be read", repr(told[:200])) from error


def _one(told: bytes) -> dict[str, Any]:
    return _records(told)[0]


def _entry(record: dict[str, Any]) -> Entry:
    return Entry(**record | {"modified": datetime.fromtimestamp(record["modified"], UTC)})


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in tuple[bytes, ...]():
        yield chunk
