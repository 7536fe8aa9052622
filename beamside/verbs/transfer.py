"""`beamside transfer`: data from one tier to another, with progress until they are there."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from beamside.verbs.acting import finish, run_act
from beamside.verbs.session import add_common
from beamside.verbs.show import plain, print_json, print_line, print_table
from beamside.verbs.sizes import span
from facility.answers import Transfer, TransferPlace
from facility.client import FacilityClient

LONGEST = timedelta(days=2)
"""How long a transfer is followed; it goes on by itself when nobody does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside transfer` takes."""
    add_common(parser)
    parser.set_defaults(act=show_all)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    start = acts.add_parser("start", help="copy a file or a directory")
    start.add_argument("source", type=place, help="TIER:PATH, e.g. scratch:run7")
    start.add_argument("destination", type=place, help="TIER:PATH; the path is the copy's own name")
    start.add_argument("--label", default="", help="words of yours")
    start.add_argument("--no-verify", action="store_true", help="do not read both sides again at the end")
    start.add_argument("--once", default="", metavar="KEY", help="a word of yours: the same word, the same transfer")
    start.add_argument("--no-wait", action="store_true", help="only start it")
    start.add_argument("--longest", type=span, default=LONGEST, help="how long to follow it, e.g. 2h")
    finish(start, start_one)
    tiers = acts.add_parser("tiers", help="where data can be, and where yours are in each")
    finish(tiers, show_tiers)
    for name, words, do in (("show", "one transfer", show_one), ("cancel", "end a transfer", cancel_one)):
        act = acts.add_parser(name, help=words)
        act.add_argument("transfer_id", metavar="TRANSFER", help="as `beamside transfer` shows it")
        finish(act, do)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status: 1 where a transfer failed."""
    return run_act(arguments)


def place(text: str) -> tuple[str, str]:
    """ "TIER:PATH" as its two parts."""
    tier, colon, path = text.partition(":")
    if not tier or not colon or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no place; write TIER:PATH, e.g. scratch:run7")
    return tier, path


async def show_all(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """One's own transfers, the newest first."""
    found = await client.transfers()
    if arguments.json:
        print_json(found)
        return 0
    rows = [(t.id, t.state, _at(t.source), _at(t.destination), _size(t), t.requested, t.reason) for t in found]
    headings = ("transfer", "state", "from", "to", "bytes", "asked for", "")
    print_table(headings, rows, nothing="You have asked for no transfers.")
    return 0


async def show_tiers(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """The tiers of the facility."""
    found = await client.tiers()
    if arguments.json:
        print_json(found)
    else:
        print_table(("tier", "", "yours"), [(t.name, t.title, t.path) for t in found], nothing="There are no tiers.")
    return 0


async def start_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Start a transfer, and show how far it is until it has ended."""
    transfer = await client.start_transfer(
        arguments.source,
        arguments.destination,
        label=arguments.label,
        verify=not arguments.no_verify,
        key=arguments.once or str(uuid4()),
    )
    if not arguments.no_wait:
        if not arguments.json:
            sys.stderr.write(f"Transfer {transfer.id} has begun; it goes on if you leave.\n")
        transfer = await _followed(client, transfer, arguments.longest)
    return _tell(transfer, as_json=arguments.json)


async def show_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """One transfer."""
    return _tell(await client.transfer(arguments.transfer_id), as_json=arguments.json)


async def cancel_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """End a transfer; what was copied so far stays."""
    transfer = await client.cancel_transfer(arguments.transfer_id)
    _tell(transfer, as_json=arguments.json)
    return 0


async def _followed(client: FacilityClient, transfer: Transfer, longest: timedelta) -> Transfer:
    """Wait for its end, with a bar where standard error is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(file=sys.stderr, markup=False, highlight=False)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(plain(transfer.label or "transfer"), total=transfer.bytes_total)

        def heard(now: Transfer) -> None:
            progress.update(task, completed=now.bytes_transferred, total=now.bytes_total)

        return await client.wait_transfer(transfer, longest.total_seconds(), heard)


def _tell(transfer: Transfer, *, as_json: bool) -> int:
    if as_json:
        print_json(transfer)
    else:
        rate = f", {transfer.bytes_per_second / 1e6:.1f} MB/s" if transfer.bytes_per_second else ""
        verified = f", {transfer.files_verified} verified" if transfer.files_verified is not None else ""
        moved = f"{transfer.files_transferred} files{verified}, {_size(transfer)} bytes{rate}"
        print_line(f"{transfer.id} {transfer.state}: {moved}")
        if transfer.reason:
            print_line(transfer.reason)
        if transfer.skipped:
            print_line(f"left out: {', '.join(transfer.skipped)}")
    return 1 if transfer.state in {"FAILED", "CANCELED"} else 0


def _at(where: TransferPlace) -> str:
    return f"{where.tier}:{where.path}"


def _size(transfer: Transfer) -> str:
    total = "?" if transfer.bytes_total is None else str(transfer.bytes_total)
    return str(transfer.bytes_transferred) if transfer.is_final else f"{transfer.bytes_transferred} of {total}"
