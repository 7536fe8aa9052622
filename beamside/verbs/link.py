"""`beamside link CODE`: say that a login at the home institution is you, as the local account that runs this."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from facility.errors import FacilityError, ProfileError
from facility.linking import ask
from facility.profile import VARIABLE, load_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside link` takes."""
    parser.add_argument("code", help="the code that the hub showed you after your sign-in")
    add_place(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask; you have seen whose login it is")


def run(arguments: argparse.Namespace) -> int:
    """Show whose login it is, ask, and link it; returns the exit status."""
    try:
        socket, _ = place(arguments)
        login = ask(socket, "look", arguments.code)
        print(f"{login.described or 'Somebody'} signed in at {login.issuer} (subject {login.subject}).")
        print(f"After this, that sign-in may do everything here that {getpass.getuser()} may do.")
        if not arguments.yes and not _says_yes():
            print("Nothing was linked.")
            return 1
        ask(socket, "confirm", arguments.code)
    except FacilityError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print("Linked. Sign in at the hub again.")
    return 0


def add_place(parser: argparse.ArgumentParser) -> None:
    """The options that say where identity listens."""
    parser.add_argument("--socket", type=Path, help="identity's socket; else service.link_socket of the profile")
    parser.add_argument("--profile", type=Path, help=f"facility.toml; else {VARIABLE} names it")


def place(arguments: argparse.Namespace) -> tuple[Path, str]:
    """The socket, and the address of the service where the profile was read. Raises ProfileError."""
    if arguments.socket:
        return arguments.socket, ""
    service = load_profile(arguments.profile).service
    if not service.link_socket:
        raise ProfileError("this site has no service.link_socket; ask an operator")
    return Path(service.link_socket), service.url


def _says_yes() -> bool:
    print("Is that you, and did you just sign in there yourself? Type yes: ", end="", flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
