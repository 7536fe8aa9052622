"""One system as the hub speaks with it: the profile that describes it, its facility service, its feed and scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from facility.as_user import acting
from facility.client import FacilityClient
from facility.estimates import EstimateSource
from facility.feed import JobFeed
from facility.offer import OfferSource
from facility.profile import load_profile
from facility.providers.slurm import Slurm
from hub_ext.keys import FacilityTokens
from spawners.desk import Desk
from spawners.intents import IntentStore


class Site:
    """What a hub holds of one profile.

    Parameters
    ----------
    profile : path of facility.toml. Raises ProfileError for one that is wrong.
    client_id, key : by which the hub proves itself at this facility service.
    """

    def __init__(self, profile: str, client_id: str, key: RSAPrivateKey) -> None:
        self.path = Path(profile).resolve()
        self.facts = load_profile(profile)
        service = self.facts.service
        self.tokens = FacilityTokens(f"{service.token_issuer}/identity/token", client_id, key)
        self.tokens.server_scopes &= service.ceiling
        self.client = FacilityClient(service.url, self.tokens, find_identity=self._find_identity)
        self.feed = JobFeed(self.client)

    @property
    def names(self) -> tuple[str, ...]:
        """What its system is called: its name first, then what it may be called besides."""
        return (self.facts.system_name, *self.facts.system.aliases)

    async def _find_identity(self) -> str:
        """Where the profile says that identity answers."""
        return self.facts.service.token_issuer

    def desk(self, intents: IntentStore, hub_settings: Callable[[], MutableMapping[str, Any]]) -> Desk:
        """The desk at which spawners ask and act."""
        act = acting(self.facts)
        return Desk(
            profile=self.facts,
            profile_path=self.path,
            offers=OfferSource(self.client, system=self.facts.system_name),
            estimates=EstimateSource(self.client),
            feed=self.feed,
            scheduler=Slurm(self.facts.system, act),
            files=act,
            intents=intents,
            hub_settings=hub_settings,
        )

    async def listen(self) -> None:
        """Follow the queue until the hub cancels its tasks at its end."""
        async with self.feed:
            await asyncio.Event().wait()
