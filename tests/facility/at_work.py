"""The whole facility service over the real Slurm, on a port of this machine, with keys for its people."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from facility.client import FacilityClient
from facility.discovery import token_endpoint
from facility.key_token import Key, KeyToken
from facility.profile import Profile
from facility.service.app import SERVICES
from facility.service.identity.local import LocalIdentity
from facility.service.identity.store import Client
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scopes import USER
from facility.service.serving import ServiceServer
from facility.testing import free_port, until

_KEYS: dict[str, RSAPrivateKey] = {}
"""One key a person for all tests: making one takes a while."""


@dataclass
class AtWork:
    """A service that serves, and how to become somebody there."""

    url: str
    parts: Parts
    folder: Path

    def key(self, user: str) -> Key:
        """A registered key of this person's."""
        private = _KEYS.setdefault(user, generate_private_key(public_exponent=65537, key_size=2048))
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        client_id = f"{user.replace('-', ''):x<13.13}"
        identity = self.parts.identity
        assert isinstance(identity, LocalIdentity)
        identity.desk.store.add_client(Client(client_id, user, USER, public))
        return Key(client_id, private)

    def key_file(self, user: str) -> Path:
        """The same key as a person keeps it."""
        key = self.key(user)
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        path = self.folder / f"{user}.json"
        path.write_text(json.dumps({"client_id": key.client_id, "secret": pem, "url": self.url}), encoding="utf-8")
        path.chmod(0o600)
        return path

    async def token(self, user: str) -> KeyToken:
        """A token source of this person's, found as every program finds it."""
        return KeyToken(self.key(user), await token_endpoint(self.url))

    async def client(self, user: str) -> FacilityClient:
        """A client of this person's."""
        return FacilityClient(self.url, await self.token(user))


@asynccontextmanager
async def at_work(profile: Profile, folder: Path) -> AsyncIterator[AtWork]:
    """Serve everything as long as the block lasts, and wait until it knows the site."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    profile = profile.model_copy(update={"service": profile.service.model_copy(update={"url": url})})
    async with running(profile, folder / f"state-{secrets.token_hex(4)}") as parts:
        server = ServiceServer(parts, tuple(SERVICES), "127.0.0.1", port)
        serving = asyncio.create_task(server.serve())
        try:
            await until(lambda: server.started or serving.done())
            for fact in (parts.facts.associations, parts.facts.qos, parts.facts.partitions, parts.facts.reservations):
                await fact.known()
            await until(lambda: parts.ledger.taken is not None)
            yield AtWork(url, parts, folder)
        finally:
            server.should_exit = True
            await serving
