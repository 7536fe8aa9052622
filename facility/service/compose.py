"""Which microservices one process serves, and where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from facility.errors import ProfileError
from facility.profile import Profile
from facility.service.app import SERVICES
from facility.service.running import running
from facility.service.serving import ServiceServer

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
IDENTITY = "identity"


def choose(names: Sequence[str], profile: Profile) -> frozenset[str]:
    """The microservices of these names; none: all that may run together at this site.

    Raises ProfileError for an unknown name, and where identity would run beside what needs no key: with a root helper
    it holds the keys that open everybody's account, so it is a process of its own, under a user of its own.
    """
    if unknown := [name for name in names if name not in SERVICES]:
        raise ProfileError(f"there is no microservice {unknown[0]!r}; there are {' '.join(SERVICES)}")
    if profile.as_user and not profile.service.identity_url:
        raise ProfileError("with [as_user] identity is a process of its own: set service.identity_url to its address")
    if not names:
        return frozenset(SERVICES) - ({IDENTITY} if profile.as_user else set())
    if profile.as_user and IDENTITY in names and len(set(names)) > 1:
        raise ProfileError(
            "with [as_user] identity runs alone, as a user of its own that the others are not:"
            " `beamside serve identity` with another --state; leave it out here"
        )
    return frozenset(names)


def address(names: frozenset[str], profile: Profile, listen: str = "") -> tuple[str, int]:
    """Host and port to listen on: `listen`, else those of the profile's URL for these microservices.

    Raises ProfileError for anything but a loopback address: a proxy in front adds TLS.
    """
    is_identity = names == {IDENTITY}
    key = "service.identity_url" if is_identity and profile.service.identity_url else "service.url"
    url = f"http://{listen}" if listen else (profile.service.token_issuer if is_identity else profile.service.url)
    found = urlsplit(url)
    try:
        host, port = found.hostname, found.port
    except ValueError:
        host, port = None, None
    if host not in LOOPBACK or not port:
        what = "--listen must be 127.0.0.1:PORT" if listen else f"{key} must be http://127.0.0.1:PORT"
        raise ProfileError(f"{what}, it is {listen or url}")
    return host, port


async def serve(profile: Profile, state: Path, names: Sequence[str] = (), listen: str = "") -> None:
    """Serve these microservices until a signal ends it. Raises ProfileError."""
    chosen = choose(names, profile)
    host, port = address(chosen, profile, listen)
    async with running(profile, state, names=chosen) as parts:
        await ServiceServer(parts, chosen, host, port).serve()
