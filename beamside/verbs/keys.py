"""`beamside keys`: one's own keys at the facility, on which this must run as the account that they act for."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from beamside.verbs.link import add_place, place
from beamside.verbs.show import print_json, print_line, print_table
from facility.answers import ApiClient
from facility.errors import FacilityError, ProfileError
from facility.key_token import DEFAULT_KEY
from facility.linking import add_key, end_key, own_keys

BITS = 3072
READING = ("accounts", "images", "reservations", "jobs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside keys` takes."""
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    acts = parser.add_subparsers(dest="act", title="without one of them: list the keys")
    add = acts.add_parser("add", help="make a key pair here, and register its public half")
    add.add_argument("name", help="by which you will know it again")
    add.add_argument("--scope", action="append", help=f"may be repeated; else {' '.join(READING)}")
    add.add_argument("--days", type=float, default=30, help="until it ends; 30")
    add.add_argument("--network", action="append", default=[], help="good from there only, e.g. 192.0.2.0/24")
    add.add_argument("--out", type=Path, default=DEFAULT_KEY, help=f"the file to be made; {DEFAULT_KEY}")
    end = acts.add_parser("end", help="end a key for good, with its tokens; everywhere within a minute")
    end.add_argument("id")


def run(arguments: argparse.Namespace) -> int:
    """List, add or end; returns the exit status."""
    try:
        path, url = place(arguments)
        if arguments.act == "add":
            _show([_add(arguments, path, url)], arguments.json)
        elif arguments.act == "end":
            end_key(path, arguments.id)
            print_line(f"{arguments.id} has ended.")
        else:
            _show(list(own_keys(path)), arguments.json)
    except FacilityError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _show(found: list[ApiClient], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [(key.id, key.name, key.scopes, key.expires, key.networks or "everywhere", key.colour) for key in found]
    print_table(("id", "name", "scopes", "until", "from", "colour"), rows, nothing="You have no keys here.")


def _add(arguments: argparse.Namespace, path: Path, url: str) -> ApiClient:
    """Make the pair and its file, then register it; a refusal leaves no file. RSA: every client can sign with it."""
    out = arguments.out.expanduser()
    try:
        out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ProfileError(f"{out} cannot be made: {error.strerror}; name another by --out") from error
    pair = generate_private_key(65537, BITS)
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    secret = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            made = add_key(path, arguments.name, public, arguments.scope or READING, arguments.days, arguments.network)
        except FacilityError:
            out.unlink()
            raise
        json.dump({"client_id": made.id, "secret": secret, **({"url": url} if url else {})}, file)
    return made
