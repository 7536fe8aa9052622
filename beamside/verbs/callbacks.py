"""`beamside callbacks`: who is told when something happens, and how telling it went."""

from __future__ import annotations

import argparse

from beamside.verbs.acting import finish, run_act
from beamside.verbs.session import add_common
from beamside.verbs.show import print_json, print_line, print_table
from facility.callbacks import DeliveryState
from facility.client import FacilityClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside callbacks` takes."""
    add_common(parser)
    parser.set_defaults(act=show_all)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    add = acts.add_parser("add", help="be told of something at an address")
    add.add_argument("address", metavar="URL", help="https; --url is where the facility is")
    add.add_argument("--event", action="append", default=[], help="e.g. job.completed or transfer.*; may come again")
    add.add_argument("--job", default="", help="only of this job; ends with it")
    finish(add, add_one)
    log = acts.add_parser("log", help="what was told, or is to be")
    log.add_argument("--dead", action="store_true", help="only what was given up")
    resend = acts.add_parser("resend", help="let a delivery that was given up begin anew")
    remove = acts.add_parser("remove", help="forget a subscription")
    ping = acts.add_parser("ping", help="send a test event")
    for act, do in ((log, show_log), (resend, resend_one), (remove, remove_one), (ping, ping_one)):
        act.add_argument("callback_id", metavar="CALLBACK", help="as `beamside callbacks` shows it")
        finish(act, do)
    resend.add_argument("delivery_id", metavar="DELIVERY", help="as `beamside callbacks log` shows it")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    return run_act(arguments)


async def show_all(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """One's own subscriptions."""
    found = await client.subscriptions()
    if arguments.json:
        print_json(found)
        return 0
    rows = [(one.id, one.state, one.url, one.events, one.job_id, one.created) for one in found]
    print_table(("callback", "state", "to", "events", "job", "since"), rows, nothing="Nobody is called back for you.")
    return 0


async def add_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Subscribe; the secret of the signatures is told this once."""
    made = await client.subscribe(arguments.address, arguments.event, job_id=arguments.job)
    if arguments.json:
        print_json(made)
    else:
        print_line(f"Callback {made.id} is set up. Its signatures are made with this secret, which is told only now:")
        print_line(made.secret)
    return 0


async def show_log(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """What was told to a subscription, the newest first."""
    found = await client.deliveries(arguments.callback_id, DeliveryState.DEAD if arguments.dead else None)
    if arguments.json:
        print_json(found)
        return 0
    rows = [(d.id, d.event, d.state, d.attempts, d.last_status or "", d.last_error, d.updated) for d in found]
    headings = ("delivery", "event", "state", "tries", "status", "last error", "when")
    print_table(headings, rows, nothing="Nothing has been told to it.")
    return 0


async def resend_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Let a delivery begin anew, under the same id."""
    again = await client.send_again(arguments.callback_id, arguments.delivery_id)
    if arguments.json:
        print_json(again)
    else:
        print_line(f"Delivery {again.id} is sent again.")
    return 0


async def remove_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Forget a subscription, with everything that waits for it."""
    await client.unsubscribe(arguments.callback_id)
    if arguments.json:
        print_json({"removed": arguments.callback_id})
    else:
        print_line(f"Callback {arguments.callback_id} is removed.")
    return 0


async def ping_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Send a test event."""
    sent = await client.ping(arguments.callback_id)
    if arguments.json:
        print_json(sent)
    else:
        print_line(f"A test event is on its way; `beamside callbacks log {arguments.callback_id}` tells how it went.")
    return 0
