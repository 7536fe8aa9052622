"""The keys that sign our tokens: one signs, its predecessor is still published until its last token has ended."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from facility.errors import ProfileError, Refused

KEPT = 2
"""Keys that are published: the one that signs, and the one before."""

SHORTEST_REIGN = timedelta(minutes=11)
"""Between two rotations: as long as a token lives, and a minute."""

STAMP = "%Y%m%dT%H%M%S%f"
FILE_NAME = re.compile(r"([0-9]{8}T[0-9]{12})-[0-9a-f]{8}\.pem")


@dataclass(frozen=True)
class SigningKey:
    """One key with the name that tokens carry (`kid`)."""

    kid: str
    private: EllipticCurvePrivateKey

    def jwk(self) -> dict[str, Any]:
        """The public half, as RFC 7517 has it."""
        found: dict[str, Any] = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**found, "kid": self.kid, "use": "sig", "alg": "ES256"}


class Keyring:
    """The keys in one directory, 0600 each; a key put there by another process is seen at its next use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o077:
            raise ProfileError(f"{folder} must belong to the identity service's user and be 0700")
        self._read_at = -1
        self._keys: tuple[SigningKey, ...] = ()
        if not self._names():
            self._make()

    def __repr__(self) -> str:
        return f"Keyring({str(self._folder)!r})"

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """The published keys, the one that signs first."""
        changed = self._folder.stat().st_mtime_ns
        if changed != self._read_at:
            self._keys = tuple(self._load(name) for name in self._names()[:KEPT])
            self._read_at = changed
        return self._keys

    def find(self, kid: str) -> SigningKey | None:
        """The published key of that name."""
        return next((key for key in self.keys if key.kid == kid), None)

    def rotate(self) -> SigningKey:
        """Make a new key that signs from now on, and forget those before the last.

        Raises Refused while tokens signed with the key before the last may still be alive.
        """
        newest = FILE_NAME.fullmatch(self._names()[0])
        made = datetime.strptime(newest[1], STAMP).replace(tzinfo=UTC) if newest else datetime.min.replace(tzinfo=UTC)
        if datetime.now(UTC) - made < SHORTEST_REIGN:
            raise Refused("the signing key is younger than a token lives; rotate it again in eleven minutes")
        self._make()
        for name in self._names()[KEPT:]:
            (self._folder / name).unlink()
        return self.keys[0]

    def jwks(self) -> dict[str, Any]:
        """What /identity/jwks publishes (RFC 7517, section 5)."""
        return {"keys": [key.jwk() for key in self.keys]}

    def _names(self) -> list[str]:
        found = (path.name for path in self._folder.iterdir())
        return sorted((name for name in found if FILE_NAME.fullmatch(name)), reverse=True)

    def _make(self) -> None:
        text = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        name = f"{datetime.now(UTC):{STAMP}}-{secrets.token_hex(4)}.pem"
        part = self._folder / f".{name}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / name)

    def _load(self, name: str) -> SigningKey:
        path = self._folder / name
        if path.stat().st_mode & 0o077:
            raise ProfileError(f"{path} can be read by others: remove it, and restart to have a new one made")
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as error:
            raise ProfileError(f"{path} holds no key: remove it, and restart to have a new one made") from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ProfileError(f"{path} is no P-256 key: remove it, and restart to have a new one made")
        return SigningKey(name.removesuffix(".pem"), key)
