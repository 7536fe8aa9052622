"""The way to identity for one process: in it, or over HTTP."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import httpx

from facility.profile import Profile
from facility.service.clock import Clock
from facility.service.identity.desk import opened
from facility.service.identity.link_socket import LONGEST_PATH, NAME, LinkSocket
from facility.service.identity.local import LocalIdentity
from facility.service.identity.port import IdentityPort
from facility.service.identity.remote import RemoteIdentity

log = logging.getLogger(__name__)


@asynccontextmanager
async def identity_for(
    profile: Profile,
    state: Path,
    clock: Clock,
    is_operator: Callable[[str], Awaitable[bool]],
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    here: bool,
) -> AsyncIterator[IdentityPort]:
    """Identity in this process where it is served `here`, else at `service.identity_url`.

    See `facility.service.identity.desk.opened` for what it may raise.
    """
    if here:
        async with opened(profile, state, clock, is_operator, transport) as desk:
            local = LocalIdentity(desk)
            async with _linking(local, state):
                yield local
    else:
        async with RemoteIdentity(profile.service, clock) as remote:
            yield remote


def _linking(identity: LocalIdentity, state: Path) -> AbstractAsyncContextManager[None]:
    """The socket of `beamside link` and `keys`: where the profile says, for all, or in our directory, for our user."""
    configured, own = identity.desk.profile.service.link_socket, state / NAME
    if not configured and len(os.fsencode(own)) > LONGEST_PATH:
        log.warning("%s is too long a path for a socket: only operators link logins and register keys", own)
        return nullcontext()
    return LinkSocket(identity).serving(Path(configured or own), for_all=bool(configured))
