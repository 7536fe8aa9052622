"""Frames: one letter, four bytes of length (big-endian), so many bytes. A stream that ends without END was cut off.

To the worker: IN (a piece of the input), END (the input is whole). From it: OUT, ERR, and one END with JSON:
{"returncode": 0} or {"refused": KIND, "words": WHY}.
"""

from __future__ import annotations

import os
import struct
import threading

TYPE_CHECKING = False  # typing is slow to import, and a person waits for this program
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, NoReturn

    Word = Literal["not-found", "not-allowed", "refused", "late", "broken"]

IN, OUT, ERR, END = b"i", b"o", b"e", b"."
HEAD = struct.Struct(">cI")
LARGEST = 2**20  # bytes of one frame
PIECE = 2**18  # bytes read from a file at a time


class Problem(Exception):
    """Why something was not done, told to the caller in the last frame."""

    def __init__(self, kind: Word, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class CallerGone(Exception):
    """The other end of the pipe was closed before everything was said."""


def refuse(words: str) -> NoReturn:
    """Raise a Problem for something that is never done."""
    raise Problem("refused", words)


class Writer:
    """The frames that we send, each whole also when two threads send."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._ended = False
        self._whole = True  # false while a frame is on its way, and for ever where it was interrupted

    def send(self, kind: bytes, data: bytes | memoryview) -> None:
        """Send `data`, cut into frames. Raises CallerGone when nobody reads."""
        view = memoryview(data)
        with self._lock:
            for start in range(0, len(view), LARGEST):
                self._frame(kind, view[start : start + LARGEST])

    def end(self, data: bytes, patience: float = -1) -> None:
        """Send the last frame, once; `patience` in seconds is for whom a reader that sleeps must not hold up."""
        if not self._lock.acquire(timeout=patience):
            return
        try:
            if self._whole and not self._ended:
                self._ended = True
                self._frame(END, memoryview(data))
        finally:
            self._lock.release()

    def _frame(self, kind: bytes, data: memoryview) -> None:
        self._whole = False
        try:
            _write_all(self._handle, memoryview(HEAD.pack(kind, len(data))))
            _write_all(self._handle, data)
        except BrokenPipeError as error:
            raise CallerGone from error
        self._whole = True


def read_input(handle: int) -> Iterator[bytes]:
    """The pieces of the input up to its END. Raises CallerGone when it breaks off, Problem for what is no frame."""
    while True:
        kind, length = HEAD.unpack(_read_exactly(handle, HEAD.size))
        if kind == END and length == 0:
            return
        if kind != IN or length > LARGEST:
            raise Problem("broken", "what came on standard input is no frame")
        yield _read_exactly(handle, length)


def _read_exactly(handle: int, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = os.read(handle, length - len(found))
        if not piece:
            raise CallerGone
        found += piece
    return bytes(found)


def _write_all(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]
