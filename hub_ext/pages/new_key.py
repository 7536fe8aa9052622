"""A person's wish for a key, as the form sends it, and the pair that is made where the person brings none."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from facility.errors import OptionError
from facility.service.scopes import OPERATORS, SCOPES

BITS = 3072
"""RSA, as `beamside keys` makes it: every client library reads it."""


@dataclass(frozen=True)
class Wanted:
    """What the form says; the facility decides whether it may be."""

    name: str
    scopes: tuple[str, ...]
    days: float
    networks: tuple[str, ...] = ()
    public_key: str = ""  # PEM or JWK; empty: the hub makes a pair


@dataclass(frozen=True)
class Shown:
    """A new key's file, shown once; the hub keeps nothing of it."""

    text: str = field(repr=False)

    @property
    def link(self) -> str:
        """The file as an address that a browser saves without asking anybody (RFC 2397)."""
        return "data:application/json;base64," + b64encode(self.text.encode()).decode("ascii")


def offered(ceiling: frozenset[str], *, is_operator: bool) -> list[tuple[str, str]]:
    """The scopes that a key of this person is of use with here, each with its meaning; `ceiling` is the site's."""
    useful = ceiling if is_operator else ceiling - OPERATORS
    return [(name, words) for name, words in SCOPES.items() if name in useful]


def read_wish(fields: Mapping[str, list[str]], most_days: int) -> Wanted:
    """The form's fields as a wish. Raises OptionError naming the field."""
    one = {name: values[-1].strip() for name, values in fields.items() if values}
    if not one.get("name"):
        raise OptionError("name", "give the key a name by which you will know it again")
    scopes = tuple(fields.get("scopes", ()))
    if not scopes:
        raise OptionError("scopes", "tick at least one thing that the key may do")
    try:
        days = float(one.get("days", ""))
    except ValueError as error:
        raise OptionError("days", "write a number of days") from error
    if not 0 < days <= most_days:
        raise OptionError("days", f"a key lives 1 to {most_days} days here")
    networks = tuple(one.get("networks", "").replace(",", " ").split())
    return Wanted(one["name"], scopes, days, networks, one.get("public_key", ""))


def make_pair() -> tuple[str, str]:
    """A new pair as PEM: (private, public). Takes a moment of a processor: call it in a thread."""
    pair = generate_private_key(65537, BITS)
    secret = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return secret, public


def key_file(client_id: str, secret: str, url: str) -> Shown:
    """The file that `beamside` and `facility.key_token.load_key` read."""
    return Shown(json.dumps({"client_id": client_id, "secret": secret, "url": url}, indent=1) + "\n")
