"""`beamside reservations`: which you may use now and later, and asking for one."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from beamside.verbs.acting import finish, run_act
from beamside.verbs.session import add_common
from beamside.verbs.show import plain, print_json, print_line, print_table, until, words
from beamside.verbs.sizes import moment, span
from facility.admission import JudgedReservation
from facility.bookings import Booking, BookingWish
from facility.client import FacilityClient

REQUEST = "as `beamside reservations requests` shows it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside reservations` takes."""
    add_common(parser)
    parser.add_argument("--all", action="store_true", help="those of others too, with the reason (operators)")
    parser.set_defaults(act=show_all)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    request = acts.add_parser("request", help="ask the staff for one")
    request.add_argument("--starts", type=moment, required=True, help="e.g. 2026-11-22T18:00, now or now+2h")
    request.add_argument("--lasts", type=span, required=True, help="e.g. 8h")
    request.add_argument("--nodes", type=int, required=True, help="how many")
    request.add_argument("--purpose", required=True, help="one line; the staff decides by it")
    request.add_argument("--account", default="", help="whose jobs may run inside")
    request.add_argument("--user", action="append", default=[], help="who may run inside; may come again")
    request.add_argument("--partition", default="", help="else Slurm's default")
    finish(request, request_one)
    requests = acts.add_parser("requests", help="what you have asked for, and what became of it")
    requests.add_argument("--all", action="store_true", default=argparse.SUPPRESS, help="everybody's (operators)")
    finish(requests, show_requests)
    change = acts.add_parser("change", help="shrink or extend; to extend waits for the staff's word")
    change.add_argument("request_id", metavar="REQUEST", help=REQUEST)
    change.add_argument("--ends", type=moment, default=None, help="another end, e.g. now+2h")
    change.add_argument("--nodes", type=int, default=None, help="another number")
    finish(change, change_one)
    _describe_decisions(acts)
    release = acts.add_parser("release", help="withdraw a request, or end its reservation before its time")
    release.add_argument("request_id", metavar="REQUEST", help=REQUEST)
    finish(release, release_one)
    fit = acts.add_parser("fit", help="whether and until when a job fits inside")
    fit.add_argument("name", metavar="RESERVATION", help="as `beamside reservations` shows it")
    fit.add_argument("--nodes", type=int, default=1, help="how many")
    fit.add_argument("--walltime", type=span, required=True, help="e.g. 2h")
    finish(fit, show_fit)


def _describe_decisions(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, told, do in (
        ("approve", "let a request, or its change, be made as yourself (operators)", approve_one),
        ("refuse", "say no to a request, or to its change (operators)", refuse_one),
    ):
        act = acts.add_parser(name, help=told)
        act.add_argument("request_id", metavar="REQUEST", help=REQUEST)
        act.add_argument("--word", default="", help="one line for who asked")
        finish(act, do)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    return run_act(arguments)


async def show_all(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """The reservations that one may use, the first to begin first."""
    found = await client.reservations(all_of_them=arguments.all)
    if arguments.json:
        print_json(found)
        return 0
    headings = ("reservation", "nodes", "begins", "ends", "left", "accounts", "")
    print_table(headings, map(_row, found.reservations), nothing="No reservation admits you now or later.")
    if found.problem:
        sys.stderr.write(f"{plain(found.problem)}\n")
    return 0


async def request_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Ask for a reservation."""
    wish = BookingWish(
        starts=arguments.starts,
        ends=arguments.starts + arguments.lasts,
        nodes=arguments.nodes,
        purpose=arguments.purpose,
        account=arguments.account,
        users=tuple(arguments.user),
        partition=arguments.partition,
    )
    return _tell(await client.request_reservation(wish), arguments, "waits for the staff's word")


async def change_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Shrink or extend a reservation."""
    changed = await client.change_reservation(arguments.request_id, ends=arguments.ends, nodes=arguments.nodes)
    waits = changed.change is not None and not changed.change.approved
    return _tell(changed, arguments, "waits for the staff's word to be changed" if waits else "is being changed")


async def approve_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Let a request be made in Slurm, as the operator."""
    return _tell(await client.approve_reservation(arguments.request_id, arguments.word), arguments, "is being made")


async def refuse_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Say no."""
    return _tell(await client.refuse_reservation(arguments.request_id, arguments.word), arguments, "is not granted")


async def release_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Withdraw a request, or end its reservation."""
    return _tell(await client.release_reservation(arguments.request_id), arguments, "is being given back")


async def show_requests(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """One's own requests, the newest first; operators may see everybody's."""
    found = await client.reservation_requests(all_of_them=arguments.all)
    if arguments.json:
        print_json(found)
        return 0
    rows = [(b.id, b.owner, b.state, b.reservation, b.wish.nodes, b.wish.starts, b.wish.ends, _word(b)) for b in found]
    headings = ("request", "of", "state", "reservation", "nodes", "begins", "ends", "")
    print_table(headings, rows, nothing="You have asked for no reservations.")
    return 0


async def show_fit(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Whether a job fits inside; status 1 where it never does."""
    found = await client.fit(arguments.name, arguments.nodes, arguments.walltime)
    if arguments.json:
        print_json(found)
    else:
        print_line(found.words)
    return 0 if found.fits else 1


def _tell(booking: Booking, arguments: argparse.Namespace, becomes: str) -> int:
    if arguments.json:
        print_json(booking)
    else:
        when = f"{words(booking.wish.starts)} to {words(booking.wish.ends)}"
        print_line(f"Request {booking.id} ({booking.wish.nodes} nodes, {when}) {becomes}; it is {booking.state}.")
    return 0


def _word(booking: Booking) -> str:
    """The staff's word, or what it decides by."""
    return booking.word or (booking.change.problem if booking.change else "") or booking.wish.purpose


def _row(one: JudgedReservation) -> tuple[object, ...]:
    left = until(one.ends) if one.is_active(datetime.now(UTC)) else f"begins in {until(one.starts)}"
    return one.name, one.node_count, one.starts, one.ends, left, one.admitted_accounts, one.why_not
