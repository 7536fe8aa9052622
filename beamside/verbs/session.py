"""Who asks, and where: the facility's address and the credentials, found in the same order for every verb."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from facility.bearer import Renewing, TokenSource
from facility.client import FacilityClient, Patience
from facility.discovery import check_url, identity_url, token_endpoint
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
from facility.key_token import DEFAULT_KEY, Key, KeyToken, load_key
from facility.profile import VARIABLE, load_profile

KEY_VARIABLE = "BEAMSIDE_KEY"
URL_VARIABLE = "BEAMSIDE_URL"
PATIENCE = Patience(connect=5.0, answer=30.0)
"""A person or a pipeline waits longer than a form does."""

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
    file = _key_file(arguments.key)
    key = load_key(file) if file else None
    named = arguments.url or os.environ.get(URL_VARIABLE, "") or (key.url if key else "")
    url = check_url(named or _profile_url())
    identity = partial(identity_url, url, PATIENCE)
    async with FacilityClient(url, Credentials(url, key), PATIENCE, find_identity=identity) as client:
        yield client


class Credentials:
    """The token source of the verbs: one's own key where there is one, else the Lab server's hand-out of the hub.

    Nothing is asked before the first token is needed, so that what needs none works without.
    """

    def __init__(self, url: str, key: Key | None) -> None:
        self._url = url
        self._key = key
        self._source: TokenSource | None = None

    async def __call__(self) -> str:
        """A token. Raises ProfileError where there are no credentials."""
        self._source = self._source or await self._choose()
        return await self._source()

    async def renew(self) -> str:
        """Another token than the last one."""
        source: object = self._source
        return await source.renew() if isinstance(source, Renewing) else await self()

    async def _choose(self) -> TokenSource:
        if self._key:
            endpoint = self._key.token_url or await token_endpoint(self._url, PATIENCE)
            return KeyToken(self._key, endpoint, patience=PATIENCE)
        hub, server_token = os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
        if hub and server_token:
            from server_ext.token import HubToken, hub_trust  # noqa: PLC0415 - only inside a Lab server

            return HubToken(hub, server_token, trust=hub_trust(os.environ))
        words = f"there is no key at {DEFAULT_KEY}: register one at your facility, or name yours with --key"
        raise ProfileError(f"{words} or {KEY_VARIABLE}")


def _key_file(chosen: Path | None) -> Path | None:
    """The key file that was named, or the one at the usual place if it is there."""
    named = str(chosen or os.environ.get(KEY_VARIABLE, ""))
    usual = DEFAULT_KEY.expanduser()
    return Path(named).expanduser() if named else usual if usual.exists() else None


def _profile_url() -> str:
    if not os.environ.get(VARIABLE):
        raise ProfileError(f'where is the facility? Say --url, set {URL_VARIABLE}, or put "url" into the key file')
    return load_profile().service.url
