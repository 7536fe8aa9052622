"""Where a facility's token endpoint is: the service tells it itself (RFC 9728, then RFC 8414)."""

from __future__ import annotations

import ipaddress

import httpx

from facility.errors import ProfileError, Unreachable, Unreadable
from facility.exchange import Exchange, Patience, Question

RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"


def check_url(url: str) -> str:
    """The URL without a slash at its end. Raises ProfileError where tokens would travel in clear over a network."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ProfileError(f"{url!r} is no URL; write it like https://facility.example.org") from error
    if found.scheme != "https" and not (found.scheme == "http" and _is_this_machine(found.host)):
        raise ProfileError(f"{url!r} would send tokens in clear: use https, or http to this machine itself")
    return url.rstrip("/")


async def identity_url(
    url: str, patience: Patience | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """Where identity answers for the service at `url`: there, or elsewhere.

    Raises Unreachable where the service gives no answer, and Unreadable where it names no identity service.
    """
    resource = await _document(url, RESOURCE, patience, transport)
    servers = resource.get("authorization_servers")
    if not isinstance(servers, list) or not servers:
        raise Unreadable(f"{url} names no authorization server", str(resource))
    return check_url(str(servers[0]))


async def token_endpoint(
    url: str, patience: Patience | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """The token endpoint of the service at `url`.

    Raises Unreachable where the service gives no answer, and Unreadable where it names no endpoint.
    """
    issuer = await identity_url(url, patience, transport)
    server = await _document(issuer, SERVER, patience, transport)
    if server.get("issuer") != issuer:
        raise Unreadable(f"{issuer} calls itself {server.get('issuer')!r}")  # RFC 8414, section 3.3
    return check_url(str(server.get("token_endpoint", "")))


async def _document(
    url: str, path: str, patience: Patience | None, transport: httpx.AsyncBaseTransport | None
) -> dict[str, object]:
    exchange = Exchange(url, patience, transport)
    try:
        reply = await exchange.ask(Question("GET", path))
    finally:
        await exchange.aclose()
    if reply.is_error:
        raise Unreachable(f"{url}{path} answered {reply.status_code}; is a facility service there?")
    try:
        found = reply.json()
    except ValueError as error:
        raise Unreadable(f"{url}{path} answered without JSON", reply.text) from error
    if not isinstance(found, dict):
        raise Unreadable(f"{url}{path} answered something else", reply.text)
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
