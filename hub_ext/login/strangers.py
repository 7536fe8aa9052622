"""People who signed in at home and have no account here yet: remembered for ten minutes, by a cookie of the hub."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from spawners.untyped import Untyped

COOKIE = "beamside-linking"
KEPT = 600.0
"""Seconds: as long as the code that such a person is shown."""

MOST = 1000


@dataclass(frozen=True)
class Stranger:
    """A sign-in that is linked to no account, proved by its ID token."""

    issuer: str
    subject: str
    code: str  # for `beamside link`; empty where the site has no such way
    id_token: str = field(repr=False)


class Strangers:
    """In this process's memory alone; where there are too many the oldest go and sign in again."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, Stranger]] = OrderedDict()

    def remember(self, handler: Untyped, stranger: Stranger) -> None:
        """Let this browser, and no other, come back as that stranger.

        The cookie is sent to the hub's own pages only: a server of somebody's is below another path.
        """
        key = secrets.token_urlsafe(32)
        self._known[key] = (self._monotonic(), stranger)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        handler._set_cookie(COOKIE, key, httponly=True, path=handler.hub.base_url)

    def of(self, handler: Untyped) -> Stranger | None:
        """Who this browser is; None where it did not sign in, or that is over."""
        key = (handler.get_secure_cookie(COOKIE) or b"").decode("ascii", "replace")
        at, stranger = self._known.get(key, (float("-inf"), None))
        return stranger if self._monotonic() - at < KEPT else None
