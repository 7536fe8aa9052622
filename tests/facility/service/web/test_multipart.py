"""A file in a multipart form is read as it comes, whole or not at all."""

from __future__ import annotations

import httpx
import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request as Asked

from facility.errors import Refused
from facility.service.web.multipart import file_part

FORM = {"data": {"first": "x"}, "files": {"file": ("a.bin", b"\r\n--\x00contents" * 3)}}


def asked(chunks: list[bytes], kind: str) -> Request:
    """A request whose body comes in these chunks."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return waiting.pop(0)

    return Asked({"type": "http", "method": "PUT", "headers": [(b"content-type", kind.encode())]}, receive)


def encoded(**form: object) -> tuple[bytes, str]:
    """A form as a real client encodes it."""
    request = httpx.Request("PUT", "http://x", **(FORM | form))
    return request.read(), request.headers["content-type"]


@settings(deadline=None, database=None)  # a busy machine proves nothing
@given(st.lists(st.integers(1, 60), min_size=1, max_size=50))
async def test_the_part_comes_out_however_the_body_was_cut(sizes: list[int]) -> None:
    """Boundaries that lie across chunks are found."""
    body, kind = encoded()
    chunks, at = [], 0
    for size in sizes:
        chunks.append(body[at : at + size])
        at += size
    chunks.append(body[at:])

    assert FORM["files"]["file"][1] == b"".join([piece async for piece in file_part(asked(chunks, kind))])


@pytest.mark.parametrize(
    ("cut", "kind", "words"),
    [
        (slice(0, -30), None, "cut off"),
        (slice(None), "application/json", "as the part 'file'"),
        (slice(None), "multipart/form-data; boundary=other", "cannot be read"),
    ],
)
async def test_what_is_no_whole_form_is_refused(cut: slice, kind: str | None, words: str) -> None:
    """So that nothing is written."""
    body, own = encoded()
    with pytest.raises(Refused, match=words):
        [piece async for piece in file_part(asked([body[cut]], kind or own))]


async def test_a_form_without_the_part_is_refused() -> None:
    """And another part is not taken for it."""
    body, kind = encoded(files={"other": ("a", b"x")})
    with pytest.raises(Refused, match="no part 'file'"):
        [piece async for piece in file_part(asked([body], kind))]
