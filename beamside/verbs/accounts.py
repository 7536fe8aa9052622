"""`beamside accounts`: what may be charged, with which QOS, and what is free."""

from __future__ import annotations

import argparse
import sys

from beamside.verbs.session import add_common, speak
from beamside.verbs.show import plain, print_json, print_table
from facility.answers import Accounts
from facility.client import FacilityClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside accounts` takes."""
    add_common(parser)
    parser.add_argument("--user", default="", help="somebody else's, for operators")


def run(arguments: argparse.Namespace) -> int:
    """Print accounts, QOS and partitions; returns the exit status."""

    async def show(client: FacilityClient) -> int:
        found = await client.accounts(arguments.user)
        if arguments.json:
            print_json(found)
        else:
            _print(found)
        return 0

    return speak(arguments, show)


def _print(found: Accounts) -> None:
    entitlements = [(e.account, e.is_default, e.qos, e.balance_hours, e.description) for e in found.entitlements]
    print_table(
        ("account", "default", "QOS", "hours left", ""), entitlements, nothing="You may charge no account here."
    )
    qos = [(q.name, q.max_walltime, q.max_nodes, q.max_submits_per_user, q.priority) for q in found.qos]
    sys.stdout.write("\n")
    print_table(("QOS", "longest", "nodes", "jobs at a time", "priority"), qos, nothing="No QOS is known.")
    partitions = [(p.name, p.is_up, f"{p.idle_nodes} of {p.nodes}", p.max_walltime) for p in found.partitions]
    sys.stdout.write("\n")
    print_table(("partition", "up", "idle nodes", "longest"), partitions, nothing="No partition is known.")
    if found.problem:
        sys.stderr.write(f"{plain(found.problem)}\n")
