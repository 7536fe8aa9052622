"""How OAuth endpoints say no (RFC 6749, section 5.2), which is not our own shape: other programs read it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

from facility.errors import FacilityError, NotSignedIn, Refused, StoreFailed, StoreFull, Unreachable, Unreadable

LARGEST_FIELD = 16_384
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
SOON = {"Retry-After": "5"}  # seconds
FORM = "application/x-www-form-urlencoded"


class TokenRefused(Refused):
    """No token; `code` is one of RFC 6749, section 5.2, or RFC 8693, section 2.2.2."""

    def __init__(self, code: str, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.code = code
        self.status = status


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; unknown ones are kept and ignored, as RFC 6749 section 3.2 wants.

    Raises TokenRefused (invalid_request) for another kind of body and for a field that comes twice or is too long.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise TokenRefused("invalid_request", f"send a form: Content-Type: {FORM}")
    found: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if name in found or not isinstance(value, str) or len(value) > LARGEST_FIELD:
            raise TokenRefused("invalid_request", f"the field {name[:40]!r} comes twice, or is too long")
        found[name] = value
    return found


def refusal(error: FacilityError) -> JSONResponse:
    """The answer of an OAuth endpoint to an error."""
    code, status = "invalid_request", 400
    if isinstance(error, TokenRefused):
        code, status = error.code, error.status
    elif isinstance(error, StoreFailed | Unreachable | Unreadable):
        code, status = "temporarily_unavailable", 507 if isinstance(error, StoreFull) else 503
    elif isinstance(error, NotSignedIn):
        code, status = "invalid_client", 401
    elif isinstance(error, Refused):
        code = "access_denied"
    content: Mapping[str, str] = {"error": code, "error_description": _printable(str(error))}
    return JSONResponse(content, status, headers=NO_STORE | (SOON if status == 503 else {}))


def _printable(words: str) -> str:
    """What error_description may hold (RFC 6749, section 5.2): ASCII without quotes and backslashes."""
    plain = "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    return plain.replace('"', "'").replace("\\", "/")[:1000]
