"""`beamside whoami`: whom the facility takes you for."""

from __future__ import annotations

import argparse

from beamside.verbs.session import add_common, speak
from beamside.verbs.show import print_json, print_table
from facility.client import FacilityClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside whoami` takes."""
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the identity; returns the exit status."""

    async def show(client: FacilityClient) -> int:
        me = await client.me()
        if arguments.json:
            print_json(me)
            return 0
        rows = [("account", me.user), ("uid", me.uid), ("name", me.full_name), ("operator", me.is_operator)]
        rows += [("login", f"{me.subject} at {me.issuer}")] if me.issuer else []
        print_table(("", ""), rows, nothing="")
        return 0

    return speak(arguments, show)
