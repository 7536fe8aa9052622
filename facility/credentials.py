"""Where a person's facility is, and the token for it: found in one order for every program that acts for the person."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from facility.bearer import Renewing, TokenSource
from facility.discovery import check_url, token_endpoint
from facility.errors import ProfileError
from facility.exchange import Patience
from facility.hub_token import HubToken, hub_trust
from facility.key_token import DEFAULT_KEY, Key, KeyToken, load_key
from facility.profile import VARIABLE, load_profile

KEY_VARIABLE = "BEAMSIDE_KEY"
URL_VARIABLE = "BEAMSIDE_URL"
PATIENCE = Patience(connect=5.0, answer=30.0)
"""A person or a pipeline waits longer than a form does."""


class Credentials:
    """A token source: one's own key where there is one, else the hand-out of the hub to its server.

    Nothing is asked before the first token is needed, so that what needs none works without. Its `repr` shows no token.
    """

    def __init__(self, url: str, key: Key | None) -> None:
        self._url = url
        self._key = key
        self._source: TokenSource | None = None

    def __repr__(self) -> str:
        return f"Credentials({self._url!r})"

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
            return HubToken(hub, server_token, trust=hub_trust(os.environ))
        words = f"there is no key at {DEFAULT_KEY}: register one at your facility, or name yours with --key"
        raise ProfileError(f"{words} or {KEY_VARIABLE}")


@dataclass(frozen=True)
class Access:
    """A facility, and what signs the questions to it."""

    url: str
    token: Credentials


def find_access(url: str = "", key: Path | None = None) -> Access:
    """What was named, else what the environment, the key file and facility.toml say, in this order.

    Raises ProfileError where none says where the facility is, where tokens would travel in clear, and for a key file
    that cannot be used.
    """
    file = _key_file(key)
    own = load_key(file) if file else None
    named = url or os.environ.get(URL_VARIABLE, "") or (own.url if own else "")
    found = check_url(named or _profile_url())
    return Access(found, Credentials(found, own))


def _key_file(chosen: Path | None) -> Path | None:
    """The key file that was named, or the one at the usual place if it is there."""
    named = str(chosen or os.environ.get(KEY_VARIABLE, ""))
    usual = DEFAULT_KEY.expanduser()
    return Path(named).expanduser() if named else usual if usual.exists() else None


def _profile_url() -> str:
    if not os.environ.get(VARIABLE):
        raise ProfileError(f'where is the facility? Say --url, set {URL_VARIABLE}, or put "url" into the key file')
    return load_profile().service.url
