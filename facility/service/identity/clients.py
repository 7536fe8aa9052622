"""Keys that people register for their programs: made, listed and revoked by their owner."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
import string
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from facility.answers import ApiClient
from facility.errors import NotAllowed, NotFound, Refused
from facility.service.caller import Caller
from facility.service.identity.assertions import PublicKey, pem_of, read_key
from facility.service.identity.desk import Desk
from facility.service.identity.store import Client
from facility.service.scopes import SCOPES, read_scopes, write_scopes

ID_LENGTH = 13
"""Characters of an id: programs that keep it in the first line of a key file expect exactly so many."""

ID_SIGNS = string.ascii_lowercase + string.digits
LONGEST_NAME = 64
MOST_NETWORKS = 20
RED = frozenset({"commands", "jobs:submit"})
ALIKE: dict[str, str | int | None] = {
    "0": "o",
    "1": "i",
    "l": "i",
    "5": "s",
    "а": "a",
    "е": "e",
    "о": "o",
    "р": "p",
    "с": "c",
    "х": "x",
    "і": "i",
}
GREEN = frozenset({"accounts", "images", "reservations", "jobs", "files"})


@dataclass(frozen=True)
class NewClient:
    """What a person says of a new key."""

    name: str
    public_key: str  # PEM, or a JWK as JSON
    scopes: frozenset[str]
    days: float  # until it ends
    networks: tuple[str, ...]


async def make_client(desk: Desk, caller: Caller, new: NewClient) -> ApiClient:
    """Register a key of the caller's; it never reaches further than the token that registers it.

    A key made with another key ends no later than that and is good from no other addresses. Raises Refused for what
    cannot be registered, NotAllowed for what the caller may not have.
    """
    if caller.is_hub:
        raise NotAllowed("a hub acts for nobody; sign in as the person whose key it is to be")
    owner = desk.person(caller.user).pw_name
    ceiling = desk.profile.service.ceiling
    if not new.scopes or (too_much := new.scopes - (caller.scopes & ceiling)):
        lacking = write_scopes(too_much) if new.scopes else "none"
        raise NotAllowed(f"a key may hold only scopes that your token holds here; not: {lacking}")
    if not 0 < new.days <= desk.profile.service.client_days:
        raise Refused(f"days must lie between 0 and {desk.profile.service.client_days}")
    key = pem_of(read_public_key(new.public_key))
    name, networks = check_name(new.name), check_networks(new.networks)
    ends = datetime.now(UTC) + timedelta(days=new.days)
    ends, networks = await _within_its_maker(desk, caller, ends, networks)
    existing = await asyncio.to_thread(desk.store.clients_of, owner)
    if looks_like(name) in {looks_like(client.name) for client in existing}:
        raise Refused(f"you have a client called {name!r} already, or one that looks the same; choose another name")
    client = Client(_new_id(), owner, write_scopes(new.scopes), key, name, networks, ends)
    made = await asyncio.to_thread(desk.store.add_client, client)
    desk.audit.note("register client", user=owner, client=made.id, scope=made.scopes, by=caller.client, name=name)
    return shown(made, ceiling)


def shown(client: Client, ceiling: frozenset[str]) -> ApiClient:
    """The client as its owner sees it."""
    scopes = client.allowed(ceiling)
    return ApiClient(
        id=client.id,
        name=client.name,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        created=client.created or datetime.now(UTC),
        expires=client.expires,
        networks=client.networks,
        colour=colour(scopes),
    )


def colour(scopes: frozenset[str]) -> str:
    """How much harm the loss of such a key could do."""
    if scopes & RED:
        return "red"
    return "green" if scopes <= GREEN else "orange"


def read_public_key(text: str) -> PublicKey:
    """The key in a PEM text or in a JWK (RFC 7517). Raises Refused for a private key and for anything else."""
    if not text.lstrip().startswith("{"):
        return read_key(text)
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.keys() & {"d", "k", "p", "q", "dp", "dq", "qi"}:
            raise Refused("that JWK holds a private or a shared key; register the public half, and make a new pair")
        key = jwt.PyJWK(found).key
    except (ValueError, jwt.PyJWTError) as error:
        raise Refused("that is neither a public key in PEM nor a JWK") from error
    return read_key(pem_of(key))


def check_name(name: str) -> str:
    """The name as it is shown. Raises Refused for signs that print as nothing, or change with normalisation."""
    plain = unicodedata.normalize("NFKC", name.strip())
    if not plain or plain != name.strip() or not plain.isprintable() or len(plain) > LONGEST_NAME:
        raise Refused(f"name a client by 1 to {LONGEST_NAME} plain, printable signs")
    return plain


def looks_like(name: str) -> str:
    """What two names have in common that are easily taken for one another: case, spaces, accents, 0 and O, 1 and l."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if sign.isalnum())
    return bare.translate(str.maketrans(ALIKE))


def check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    """The networks in their canonical form. Raises Refused."""
    if len(networks) > MOST_NETWORKS:
        raise Refused(f"name {MOST_NETWORKS} networks at most")
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in networks)
    except ValueError as error:
        raise Refused(f"networks are written like 192.0.2.0/24 or 2001:db8::/32: {error}") from error


async def _within_its_maker(
    desk: Desk, caller: Caller, ends: datetime, networks: tuple[str, ...]
) -> tuple[datetime, tuple[str, ...]]:
    """The end and the networks, no wider than those of the key whose token registers this one."""
    try:
        maker = await asyncio.to_thread(desk.store.client, caller.client)
    except NotFound:
        return ends, networks  # a token of the login provider
    if maker.is_hub:
        return ends, networks
    if maker.networks and not (networks and all(_inside(network, maker.networks) for network in networks)):
        raise NotAllowed(f"a key made with the key {maker.id} must name networks inside {', '.join(maker.networks)}")
    return min(ends, maker.expires) if maker.expires else ends, networks


def _inside(network: str, wider: tuple[str, ...]) -> bool:
    inner = ipaddress.ip_network(network)
    outer = (ipaddress.ip_network(text) for text in wider)
    return any(inner.version == net.version and net[0] <= inner[0] and inner[-1] <= net[-1] for net in outer)  # type: ignore[operator]  # of one version, as asked just before


def _new_id() -> str:
    return "".join(secrets.choice(ID_SIGNS) for _ in range(ID_LENGTH))


def scopes_of(names: list[str]) -> frozenset[str]:
    """The scopes of a list of names. Raises Refused naming one that does not exist."""
    try:
        return read_scopes(" ".join(names))
    except ValueError as error:
        raise Refused(str(error)) from error
