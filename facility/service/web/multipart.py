"""One file out of a multipart form (RFC 7578), piece by piece as it comes: never kept here, in memory or on a disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from facility.errors import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

LARGEST_HEADERS = 16 * 1024


async def file_part(request: Request, field: str = "file") -> AsyncIterator[bytes]:
    """The bytes of the part called `field`. Raises Refused where there is none, and where the form is cut."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refused(f"send the file as the part {field!r} of a multipart form")
    part = _Part(field)
    parser = MultipartParser(options[b"boundary"], part.callbacks())
    try:
        async for chunk in request.stream():
            parser.write(chunk)
            for piece in part.take():
                yield piece
    except FormParserError as error:
        raise Refused(f"the multipart form cannot be read: {error}") from error
    if not part.ended:
        raise Refused("the multipart form was cut off; nothing was written")
    if not part.found:
        raise Refused(f"the multipart form has no part {field!r}")


class _Part:
    """What the parser tells, kept for the one part that is wanted."""

    def __init__(self, field: str) -> None:
        self._field = field.encode()
        self._name, self._value = bytearray(), bytearray()
        self._headers = 0
        self._is_wanted = False
        self._pieces: list[bytes] = []
        self.found = False
        self.ended = False

    def callbacks(self) -> MultipartCallbacks:
        """As `MultipartParser` calls them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header(self._name, data[start:end]),
            "on_header_value": lambda data, start, end: self._header(self._value, data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def take(self) -> list[bytes]:
        """What came of the wanted part since the last time."""
        taken, self._pieces = self._pieces, []
        return taken

    def _begin(self) -> None:
        self._is_wanted = False
        self._headers = 0

    def _header(self, kept: bytearray, data: bytes) -> None:
        self._headers += len(data)
        if self._headers > LARGEST_HEADERS:
            raise Refused("the headers of a part of the multipart form are too long")
        kept += data

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._is_wanted = options.get(b"name") == self._field and not self.found
            self.found = self.found or self._is_wanted
        self._name, self._value = bytearray(), bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_wanted:
            self._pieces.append(data[start:end])

    def _end(self) -> None:
        self.ended = True
