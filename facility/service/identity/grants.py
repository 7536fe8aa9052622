"""Grants: leave for one act in one person's name, which the root helper verifies by itself.

A grant is `base64url(payload) "." base64url(HMAC-SHA256(key, base64url(payload)))`, without padding; the payload is the
JSON of {"user", "uid", "verb", "digest", "exp", "jti"}. `digest` is the SHA-256 of the arguments (see `digest_of`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from facility.errors import ProfileError, Refused

LIFETIME = 60
"""Seconds a grant is good for; it is used once."""

KEY_BYTES = 32
DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(arguments: Sequence[str]) -> str:
    """SHA-256, in hexadecimal, of the arguments as canonical JSON: a list without spaces, ASCII only."""
    text = json.dumps(list(arguments), separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def grant_key(path: Path) -> bytes:
    """The key of grants, made where it is missing. Root and identity's user alone can read it. Raises ProfileError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    key, found = path.read_bytes(), path.stat()
    if found.st_mode & 0o077 or found.st_uid != os.geteuid() or len(key) != KEY_BYTES:
        raise ProfileError(f"{path} must hold {KEY_BYTES} bytes, 0600, of identity's user; remove it for a new one")
    return key


def sign_grant(key: bytes, user: str, uid: int, verb: str, digest: str) -> str:
    """A grant that is good from now on. Raises Refused for a digest that is none."""
    if not DIGEST.fullmatch(digest):
        raise Refused("digest must be the SHA-256 of the arguments, 64 hexadecimal digits")
    payload = {
        "user": user,
        "uid": uid,
        "verb": verb,
        "digest": digest,
        "exp": int(time.time()) + LIFETIME,
        "jti": secrets.token_hex(16),
    }
    body = _base64url(json.dumps(payload, separators=(",", ":")).encode())
    return f"{body}.{_base64url(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
