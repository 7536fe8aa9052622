"""`beamside serve`: the microservices of a facility; `python -m facility.service` serves too, and links logins."""

from __future__ import annotations

import argparse
from pathlib import Path

from facility.profile import VARIABLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside serve` takes."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="which microservices; else all that may run together")
    parser.add_argument("--profile", type=Path, help=f"facility.toml; else {VARIABLE} names it")
    parser.add_argument("--state", type=Path, required=True, help="the service's own directory, 0700")
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="where to answer; else the profile's URL")


def run(arguments: argparse.Namespace) -> int:
    """Serve until it is ended; returns the exit status."""
    from facility.service.__main__ import main  # noqa: PLC0415 - the web framework: --help should not wait for it

    profile = ["--profile", str(arguments.profile)] if arguments.profile else []
    listen = ["--listen", arguments.listen] if arguments.listen else []
    return main([*profile, "--state", str(arguments.state), "serve", *listen, *arguments.names])
