"""Who asks, and where, for every verb; and what an error is on the command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from facility.client import FacilityClient
from facility.credentials import KEY_VARIABLE, PATIENCE, URL_VARIABLE, find_access
from facility.discovery import identity_url
from facility.errors import (
    Busy,
    FacilityError,
    NotAllowed,
    NotSignedIn,
    ProfileError,
    Refused,
    Unreachable,
    Unreadable,
)

INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended

STATUSES: tuple[tuple[type[FacilityError], int], ...] = (
    (NotSignedIn, 3),
    (NotAllowed, 3),
    (Refused, 1),
    (ProfileError, 2),
    (Busy, 4),
    (Unreachable, 4),
    (Unreadable, 5),
    (FacilityError, 1),
)
"""The exit status for each error; the first that fits. docs/reference/command.md lists them."""


def add_common(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The options of every verb; `again` for the acts of a verb, where they do not undo what stood before the act."""

    def unless_given(default: object) -> object:
        return argparse.SUPPRESS if again else default

    parser.add_argument("--url", default=unless_given(""), help=f"the facility service; else {URL_VARIABLE}, the key")
    parser.add_argument("--key", type=Path, default=unless_given(None), help=f"key file; else {KEY_VARIABLE}")
    parser.add_argument("--json", action="store_true", default=unless_given(False), help="JSON instead of tables")


def speak(arguments: argparse.Namespace, verb: Callable[[FacilityClient], Awaitable[int]]) -> int:
    """Do `verb` with a client of the facility; what goes wrong is one line on standard error and an exit status."""

    async def work() -> int:
        async with connect(arguments) as client:
            return await verb(client)

    try:
        return asyncio.run(work())
    except FacilityError as error:
        sys.stderr.write(f"{error}\n")
        return next(status for kind, status in STATUSES if isinstance(error, kind))
    except KeyboardInterrupt:
        return INTERRUPTED


@asynccontextmanager
async def connect(arguments: argparse.Namespace) -> AsyncIterator[FacilityClient]:
    """The client that the command line, the environment and the key file describe."""
    access = find_access(arguments.url, arguments.key)
    identity = partial(identity_url, access.url, PATIENCE)
    async with FacilityClient(access.url, access.token, PATIENCE, find_identity=identity) as client:
        yield client
