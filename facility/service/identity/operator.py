"""What an operator does to the identity store from a shell, as identity's own user."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from facility.errors import ProfileError, Refused
from facility.profile import Profile
from facility.service.accounts.people import check_person, local_account
from facility.service.database import Database, database_url
from facility.service.identity.assertions import pem_of, read_key
from facility.service.identity.audit import Audit
from facility.service.identity.desk import SIGNING_KEYS
from facility.service.identity.keyring import Keyring
from facility.service.identity.proofs import Proofs
from facility.service.identity.store import Client, Link, Store
from facility.service.identity.wishes import LinkWishes
from facility.service.scopes import HUB, USER, read_scopes, write_scopes
from facility.service.state import open_state

CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OPERATOR = "operator"
VERBS = ("link", "unlink", "client", "revoke-client", "rotate-keys")


@dataclass(frozen=True)
class _Opened:
    store: Store
    wishes: LinkWishes
    proofs: Proofs
    audit: Audit


def describe(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe VERBS on a command line."""
    link = verbs.add_parser("link", help="link a login to a local account")
    unlink = verbs.add_parser("unlink", help="part a login from its account, and end what hubs have got for it")
    for verb in (link, unlink):
        verb.add_argument("--iss", required=True, help="the issuer, exactly as its ID tokens name it")
        verb.add_argument("--sub", required=True, help="the subject, exactly as the issuer's ID tokens name it")
        verb.add_argument("--user", required=True, help="the local account")
    client = verbs.add_parser("client", help="register the public key of a program")
    client.add_argument("--id", required=True, help="the program's client id")
    client.add_argument("--owner", required=True, help="the local account it acts for, or, for a hub, runs as")
    client.add_argument("--public-key", type=Path, required=True, help="file with the public key, PEM")
    told = f"{USER}: all that the profile lets people's tokens hold; {HUB}; or a list of scopes in one word"
    client.add_argument("--scope", default=USER, help=told)
    revoke = verbs.add_parser("revoke-client", help="end a program's key, with its tokens and delegations")
    revoke.add_argument("--id", required=True)
    revoke.add_argument("--owner", required=True)
    verbs.add_parser("rotate-keys", help="sign tokens with a new key from now on; the one before stays good")


def carry_out(verb: str, profile: Profile, state: Path, chosen: argparse.Namespace) -> None:
    """Do one of VERBS. Raises FacilityError."""
    open_state(state)
    with _opened(profile, state) as found:
        if verb == "link":
            account = check_person(chosen.user, profile)
            link = Link(chosen.iss, chosen.sub, chosen.user, account.pw_uid, OPERATOR)
            found.store.add_link(link, linked_by=OPERATOR)
            found.wishes.settle(chosen.iss, chosen.sub, OPERATOR)
            found.audit.note("link", issuer=chosen.iss, subject=chosen.sub, user=chosen.user, by=OPERATOR)
        elif verb == "unlink":
            found.store.remove_link(Link(chosen.iss, chosen.sub, chosen.user))
            found.proofs.end_logins(chosen.user)
            found.audit.note("part link", issuer=chosen.iss, subject=chosen.sub, user=chosen.user, by=OPERATOR)
        elif verb == "client":
            client = found.store.add_client(_client(profile, chosen))
            found.audit.note("register client", user=client.owner, client=client.id, scope=client.scopes, by=OPERATOR)
        elif verb == "revoke-client":
            found.store.revoke_client(chosen.id, chosen.owner)
            found.proofs.end_delegations_of(chosen.id)
            found.audit.note("revoke client", user=chosen.owner, client=chosen.id, by=OPERATOR)
        else:
            found.audit.note("rotate keys", kid=Keyring(state / SIGNING_KEYS).rotate().kid, by=OPERATOR)


@contextmanager
def _opened(profile: Profile, state: Path) -> Iterator[_Opened]:
    url = database_url(profile.service.identity_database, state, "identity")
    with closing(Database(url, "identity")) as database, closing(Audit(state / "audit.jsonl")) as audit:
        yield _Opened(Store(database), LinkWishes(database), Proofs(database), audit)


def _client(profile: Profile, chosen: argparse.Namespace) -> Client:
    if not CLIENT_ID.fullmatch(chosen.id):
        raise ProfileError(f"{chosen.id!r} cannot be a client id: use letters, digits, '.', '_' and '-'")
    scopes = chosen.scope
    if scopes == HUB:
        local_account(chosen.owner)
    else:
        check_person(chosen.owner, profile)
    if scopes not in {HUB, USER}:
        try:
            scopes = write_scopes(read_scopes(scopes) - {HUB})
        except ValueError as error:
            raise ProfileError(str(error)) from error
    return Client(chosen.id, chosen.owner, scopes, _public_key(chosen.public_key))


def _public_key(path: Path) -> str:
    """The key's PEM text. Raises ProfileError for a private key, a short one, and anything else."""
    try:
        return pem_of(read_key(path.read_text(encoding="ascii")))
    except (OSError, ValueError, Refused) as error:
        raise ProfileError(f"{path} holds no public key in PEM that can be registered: {error}") from error
