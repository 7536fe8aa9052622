"""Where a callback may go: https to public addresses, resolved once; what the operator allows besides.

A URL of a user's makes this service connect somewhere. Refused are loopback, private, link-local and carrier-grade NAT
addresses, those of metadata services, multicast, and IPv6 forms that carry such an IPv4 address (RFC 6890, RFC 6598,
RFC 4291 section 2.5.5, RFC 3056, RFC 6052).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

import httpcore

from facility.errors import OptionError, ProfileError, Unreachable

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

LONGEST_URL = 2000
RESOLVE_SECONDS = 5.0

CARRIED = (
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4: the IPv4 address stands behind the first 16 bits
)
"""Networks whose addresses carry an IPv4 address, and how many bits to the right of it stand."""

REFUSED = (IPv6Network("64:ff9b:1::/48"), IPv6Network("2001::/23"), IPv6Network("fec0::/10"))
"""Local NAT64, protocol assignments (Teredo among them) and site-local, about which Python's releases differ."""


@dataclass(frozen=True)
class Egress:
    """What the operator allows beyond the rules: plain http, and hosts by name or networks that need not be public."""

    http: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, http: bool, allowed: Iterable[str]) -> Egress:
        """From the profile's words: hosts by name, and networks. Raises ProfileError for a network that is none."""
        hosts, networks = set(), []
        for entry in allowed:
            if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
                try:
                    networks.append(ipaddress.ip_network(entry))
                except ValueError as error:
                    raise ProfileError(f"service.callbacks.allowed: {entry!r} is no network: {error}") from error
            else:
                hosts.add(entry.lower())
        return cls(http, frozenset(hosts), tuple(networks))

    def check_url(self, url: str) -> SplitResult:
        """The parts of a URL that may be called. Raises OptionError saying what is wrong with it."""
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or set(url) & set(" \\"):
            raise OptionError("url", f"must be at most {LONGEST_URL} printable ASCII characters, other ones encoded")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise OptionError("url", f"cannot be read: {error}") from error
        if parts.scheme not in {"https", "http"} or (parts.scheme == "http" and not self.http):
            raise OptionError("url", "must begin with https://; this facility sends callbacks over TLS only")
        if parts.username is not None or parts.password is not None:
            raise OptionError("url", "must hold no user name or password; the signature proves who sends")
        if not parts.hostname or port == 0 or parts.fragment:
            raise OptionError("url", "must name a host, a possible port and no fragment")
        return parts

    def admits(self, host: str, address: str) -> bool:
        """Whether `host` may be reached at `address`."""
        if host.lower().rstrip(".") in self.hosts:
            return True
        found = _read(address)
        if any(found.version == network.version and found in network for network in self.networks):
            return True
        return is_public(found)

    async def addresses(self, host: str, port: int, resolve: Resolve) -> list[str]:
        """Where `host` is; every one of its addresses may be reached. Raises Unreachable or OptionError."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await resolve(host, port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise Unreachable(f"no address of {host} can be found ({error or 'no answer'})") from error
        if not found or not all(self.admits(host, address) for address in found):
            raise OptionError("url", f"{host} is at an address that callbacks may not reach; only public ones may be")
        return found


def is_public(address: Address) -> bool:
    """Whether anybody may be sent there; an address that carries another one is judged by both."""
    if isinstance(address, IPv6Address):
        if address.scope_id or any(address in network for network in REFUSED):
            return False
        for network, shift in CARRIED:
            if address in network:
                return is_public(IPv4Address((int(address) >> shift) & 0xFFFFFFFF))
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _read(address: str) -> Address:
    return ipaddress.ip_address(address)


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses the system's resolver knows, each once, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that was judged: the name is resolved once, so that no second answer can differ.

    The host's own name stays in the request and in TLS, so that its certificate is checked as ever.
    """

    def __init__(self, egress: Egress, resolve: Resolve = system_resolve) -> None:
        self._egress = egress
        self._resolve = resolve
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        address = (await self._egress.addresses(host, port, self._resolve))[0]
        return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore; no callback goes to a socket of this machine."""
        raise OptionError("url", "must name a host")

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await asyncio.sleep(seconds)
