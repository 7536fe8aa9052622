"""Accounts that this machine has closed, by locking them or by their expiry: root says so, and identity only listens.

Identity may not read /etc/shadow, and calls nobody. The root helper signs what it reads there with the key of grants,
and the service, which may call the helper, brings it here and can change nothing of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from facility.errors import NotAllowed, Refused
from facility.service.clock import Clock

FRESH = 60.0
"""Seconds that a statement is good for."""

KIND = "closed."
"""What stands before the text that is signed: no grant can be taken for a statement, and none for a grant."""


class ClosedAccounts:
    """The newest statement of the root helper; before the first, and without a helper, no account is closed here."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._said_at = 0
        self._why: dict[str, str] = {}

    def hear(self, statement: str) -> dict[str, str]:
        """Take a statement over; the accounts that it closes and the one before did not, with the reasons, come back.

        Raises NotAllowed for one that root did not make, Refused for one that is old or was followed by another.
        """
        said_at, why = self._read(statement)
        if not self._said_at <= said_at or abs(self._clock.now().timestamp() - said_at) > FRESH:
            raise Refused("this statement about closed accounts is an old one; ask the root helper anew")
        new = {user: words for user, words in why.items() if user not in self._why}
        self._said_at, self._why = said_at, why
        return new

    def check(self, user: str) -> None:
        """Raises NotAllowed for an account that is closed."""
        if why := self._why.get(user):
            raise NotAllowed(f"{user} may not log in here: {why}")

    def _read(self, statement: str) -> tuple[int, dict[str, str]]:
        body, _, signature = statement.partition(".")
        expected = hmac.new(self._key, f"{KIND}{body}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(_unbase64(signature), expected):
            raise NotAllowed("the root helper did not say that")
        found = json.loads(_unbase64(body))
        return found["at"], found["closed"]


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
