"""`beamside links`: the logins that are yours; for operators, those that wait to be linked."""

from __future__ import annotations

import argparse

from beamside.verbs.acting import finish, run_act
from beamside.verbs.session import add_common
from beamside.verbs.show import print_json, print_line, print_table
from facility.client import FacilityClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside links` takes."""
    add_common(parser)
    parser.set_defaults(act=show_own)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    finish(acts.add_parser("waiting", help="the logins that wait for an operator's word"), show_waiting)
    approve = acts.add_parser("approve", help="link a login to a local account, as an operator who knows whose it is")
    refuse = acts.add_parser("refuse", help="say no, as an operator")
    for act in (approve, refuse):
        act.add_argument("wish_id", metavar="WISH", help="as `beamside links waiting` shows it")
    approve.add_argument("account", metavar="ACCOUNT", help="the local account")
    refuse.add_argument("--word", default="", help="what the person reads")
    finish(approve, approve_one)
    finish(refuse, refuse_one)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    return run_act(arguments)


async def show_own(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """One's own logins."""
    found = await client.logins()
    if arguments.json:
        print_json(found)
        return 0
    rows = [(one.issuer, one.institution, one.subject, one.linked, one.linked_by, one.how) for one in found]
    headings = ("issuer", "institution", "subject", "linked", "by", "how")
    print_table(headings, rows, nothing="No login is linked to your account.")
    return 0


async def show_waiting(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """The wishes, the oldest first."""
    found = await client.link_wishes()
    if arguments.json:
        print_json(found)
        return 0
    rows = [(w.id, w.described, w.institution or w.issuer, w.subject, w.assurance, w.asked) for w in found]
    headings = ("wish", "calls itself", "institution", "subject", "assurance", "asked")
    print_table(headings, rows, nothing="Nobody waits.")
    return 0


async def approve_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Link one; what a login calls itself proves nothing, so ask the person by another way first."""
    done = await client.approve_link(arguments.wish_id, arguments.account)
    if arguments.json:
        print_json(done)
    else:
        print_line(f"{done.subject} of {done.issuer} is {arguments.account} from now on.")
    return 0


async def refuse_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Turn one down."""
    done = await client.refuse_link(arguments.wish_id, arguments.word)
    if arguments.json:
        print_json(done)
    else:
        print_line(f"{done.subject} of {done.issuer} was refused.")
    return 0
