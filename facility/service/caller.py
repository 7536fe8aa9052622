"""Who asks, as a verified token says, and in whose name something may be done later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from facility.errors import NotAllowed
from facility.service.scopes import HUB


class ScopeMissing(NotAllowed):
    """The token is good, and not for this (RFC 6750, section 3.1: insufficient_scope)."""

    def __init__(self, wanted: tuple[str, ...]) -> None:
        super().__init__(f"this needs a token with the scope {' or '.join(wanted)}; ask for one at the token endpoint")
        self.wanted = wanted


@dataclass(frozen=True)
class Mandate:
    """In whose name something is done, and by which proof: a live bearer token, or a delegation made from one."""

    user: str
    token: str = field(default="", repr=False)
    delegation: str = field(default="", repr=False)


@dataclass(frozen=True)
class Caller:
    """Who asks, as a verified token says."""

    user: str  # the local account; with scope hub the hub's own, which may do nothing as such
    scopes: frozenset[str]
    client: str
    expires: datetime
    token: str = field(default="", repr=False, compare=False)  # kept as the proof of what is done for this caller

    @property
    def is_hub(self) -> bool:
        """Whether this is a hub, which reads for everybody and acts for nobody."""
        return HUB in self.scopes

    @property
    def mandate(self) -> Mandate:
        """The leave to act as this caller while the token lives. Raises NotAllowed for a hub's."""
        if self.is_hub:
            raise NotAllowed("a hub's token acts for nobody; use the person's own token")
        return Mandate(self.user, token=self.token)
