"""Acts of a local account: the person's own process asks identity over its Unix socket; the kernel says whose it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facility.answers import ApiClient
from facility.errors import Refused, Unreachable, Unreadable
from facility.wire import decode

PATIENCE = 10.0  # seconds
LARGEST = 64 * 1024


@dataclass(frozen=True)
class AskingLogin:
    """A login that asks to be linked to the account that runs this."""

    issuer: str
    subject: str
    described: str  # what the login says of the person; to look at, proves nothing


def ask(path: Path, act: Literal["look", "confirm"], code: str) -> AskingLogin:
    """Look whose login a code is of, or link it to the account whose process this is; see `converse`."""
    return decode(AskingLogin, converse(path, {"act": act, "code": code}))


def own_keys(path: Path) -> tuple[ApiClient, ...]:
    """The keys of the account whose process this is; see `converse`."""
    return decode(tuple[ApiClient, ...], converse(path, {"act": "keys"}).get("clients"))


def add_key(
    path: Path, name: str, public_key: str, scopes: Sequence[str], days: float, networks: Sequence[str]
) -> ApiClient:
    """Register a key of the account whose process this is; see `converse`."""
    new = {"name": name, "public_key": public_key, "scopes": list(scopes), "days": days, "networks": list(networks)}
    return decode(ApiClient, converse(path, {"act": "add-key", **new}))


def end_key(path: Path, client_id: str) -> None:
    """End one of the account's keys for good; see `converse`."""
    converse(path, {"act": "end-key", "id": client_id})


def converse(path: Path, request: dict[str, object]) -> dict[str, object]:
    """One question and its answer.

    Raises Unreachable where nobody listens, Refused with the service's own words, and Unreadable.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(PATIENCE)
            line.connect(str(path))
            line.sendall(json.dumps(request).encode() + b"\n")
            with line.makefile("rb") as answer:
                text = answer.readline(LARGEST)
    except OSError as error:
        raise Unreachable(f"identity does not answer at {path}: {error}; is it running on this machine?") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unreadable("identity answered without JSON", repr(text[:200])) from error
    if not isinstance(found, dict):
        raise Unreadable("identity answered something else than an object", repr(text[:200]))
    if "error" in found:
        raise Refused(str(found["error"]))
    return found
