"""Secrets of one `up`: random, each in a 0600 file of whoever needs it, never in a command line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import secrets
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

WORDS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters of passwords that people type: none is mistaken for another."""


def make_directory(path: Path, *, owner: str | None = None, mode: int = 0o700) -> Path:
    """Make a directory with exactly this mode, owned by `owner`; None for the caller."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    path.chmod(mode)
    _give(path, owner)
    return path


def write_secret(path: Path, text: str, *, owner: str | None = None) -> Path:
    """Write a 0600 file owned by `owner` (None for the caller); nobody can read it even while it is written."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    _give(path, owner)
    return path


def _give(path: Path, owner: str | None) -> None:
    if owner is not None and os.geteuid() == 0:
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def password() -> str:
    """A password of four groups of four letters, some 79 bits."""
    return "-".join("".join(secrets.choice(WORDS) for _ in range(4)) for _ in range(4))


def scrypt_record(clear: str) -> dict[str, str]:
    """Salt and scrypt hash of a password, as the provider stores them (RFC 7914; N=2**14, r=8, p=1)."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(clear.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return {"salt": _unpadded(salt), "hash": _unpadded(digest)}


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def rsa_key() -> rsa.RSAPrivateKey:
    """A fresh 2048-bit RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The private key as unencrypted PKCS#8 PEM."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def jwk(key: rsa.RSAPrivateKey | rsa.RSAPublicKey) -> dict[str, Any]:
    """The key as a JSON Web Key for RS256 signatures, named by its own digest (RFC 7638)."""
    made: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key))
    public = json.dumps({name: made[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    made.pop("key_ops", None)
    return made | {"kid": _unpadded(hashlib.sha256(public.encode()).digest()), "use": "sig", "alg": "RS256"}
