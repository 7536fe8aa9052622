"""The hub's side of its facilities: opened once when the hub starts, shared by every login, form and spawner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from traitlets import Float, List, Unicode, default
from traitlets.config import LoggingConfigurable

from facility.client import FacilityClient
from facility.errors import FacilityError, ProfileError
from facility.profile import Profile
from hub_ext.keys import FacilityTokens, load_key
from hub_ext.site import Site
from spawners.desks import Desks, open_desks
from spawners.intents import IntentStore
from spawners.legacy import refuse_shell_settings
from spawners.start.endings import Kind
from spawners.untyped import Untyped


class HubDesk(LoggingConfigurable):
    """What this hub needs of its site, made from a profile for each system and one folder of keys."""

    profile = Unicode(help="Path of facility.toml; jobs are told the same path.").tag(config=True)
    further_profiles = List(
        Unicode(),
        help="Paths of the facility.toml of further systems, each with a facility service of its own. Login, links and"
        " announcements are those of `profile`.",
    ).tag(config=True)
    retired_systems = List(
        Unicode(), help="Names of systems that are gone for good: what the hub still holds of servers there is ended."
    ).tag(config=True)
    folder = Unicode(help="The hub's own 0700 folder: its key, its store of intents, its database.").tag(config=True)
    facility_client = Unicode("beamside-hub", help="The hub's client id at every facility service.").tag(config=True)
    facility_key_file = Unicode(help="RSA private key (PEM, 0600) by which the hub proves itself; FOLDER/hub.key.").tag(
        config=True
    )
    news_seconds = Float(
        30.0, help="Seconds from one look at the facility's announcements, and at the institution, to the next."
    ).tag(config=True)

    @default("facility_key_file")
    def _in_folder(self) -> str:
        return str(Path(self.folder) / "hub.key")

    def __init__(self, **kwargs: Untyped) -> None:
        super().__init__(**kwargs)
        refuse_shell_settings(self.config)
        self.key = load_key(Path(self.facility_key_file))
        self.sites = tuple(
            Site(profile, self.facility_client, self.key) for profile in (self.profile, *self.further_profiles)
        )
        refuse_same_names(self.sites)
        self.listening: list[asyncio.Task[None]] = []

    @property
    def facts(self) -> Profile:
        """The first profile; what is not a system's own is said there."""
        return self.sites[0].facts

    @property
    def client(self) -> FacilityClient:
        """The first facility service, which knows whom a login leads to."""
        return self.sites[0].client

    @property
    def tokens(self) -> FacilityTokens:
        """The tokens of the first facility service."""
        return self.sites[0].tokens

    def tokens_of(self, system: str) -> FacilityTokens:
        """The tokens of the facility service of a system; of no name, the first."""
        return self.site_of(system).tokens

    def site_of(self, system: str) -> Site:
        """The site of a system; of no name, and of one that is here no more, the first."""
        return next((site for site in self.sites if system in site.names), self.sites[0])

    async def link_code(self, id_token: str) -> str:
        """A code by which the person who just signed in links that sign-in; empty where this site has no such way."""
        if not self.facts.service.link_socket:
            return ""
        try:
            return (await self.client.ask_link(id_token)).code
        except FacilityError as error:
            self.log.warning("no code to link a sign-in could be had: %s", error)
            return ""

    def open(self, hub_settings: Callable[[], MutableMapping[str, Any]]) -> None:
        """Open a desk for each system, for this hub's spawners; the feeds run until the hub ends.

        Raises ProfileError for a site described wrongly, StoreInUse when another hub holds the folder.
        """
        intents = IntentStore(Path(self.folder) / "intents.sqlite")
        intents.name_system(self.facts.system_name)
        self._settle_absent(intents)
        for site in self.sites:
            self.listening.append(asyncio.create_task(site.listen(), name=f"beamside job feed of {site.names[0]}"))
        open_desks(Desks([site.desk(intents, hub_settings) for site in self.sites]))

    def _settle_absent(self, intents: IntentStore) -> None:
        """End what was on systems that are retired. Raises ProfileError for one that is only missing."""
        known = {name for site in self.sites for name in site.names}
        for intent in intents.all_open():
            if intent.system in known:
                continue
            if intent.system not in self.retired_systems:
                intents.close()
                raise ProfileError(
                    f"{intent.user} has a server on {intent.system}, and no profile describes it: name its profile in"
                    " HubDesk.further_profiles; where it has another name now, list the old one under its `aliases`;"
                    " where it is gone for good, name it in HubDesk.retired_systems"
                )
            self.log.warning("the server %r of %s ended with its system %s", intent.server, intent.user, intent.system)
            intents.end(intent.nonce, f"The system {intent.system} was taken out of service.", kind=Kind.FORGOTTEN,
                        remedy="Start again on another system.")  # fmt: skip


def refuse_same_names(sites: Iterable[Site]) -> None:
    """Raises ProfileError where two profiles call their systems the same."""
    seen: dict[str, Path] = {}
    for site in sites:
        for name in site.names:
            if name in seen:
                raise ProfileError(f"{seen[name]} and {site.path} both describe a system {name}: rename one")
            seen[name] = site.path
