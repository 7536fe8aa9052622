"""`beamside demo`: up, tour, serve until Ctrl-C, down; or one of these parts."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path

from beamside.demo.errors import DemoError
from beamside.demo.layout import VARIABLE, Layout, default_prefix
from beamside.demo.packages import REMEDY, Packages
from beamside.demo.stack import Demonstration
from beamside.demo.status import lines, read_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside demo` takes."""
    parser.add_argument(
        "part", nargs="?", choices=("up", "down", "status", "tour"), help="one part; without it all of them, then serve"
    )
    parser.add_argument("--prefix", type=Path, default=default_prefix(), help=f"where it lives; else {VARIABLE}")
    parser.add_argument("--user-prefix", default="", metavar="TEXT", help="as root: how each account it makes begins")
    parser.add_argument("--json", action="store_true", help="status: print JSON")
    parser.add_argument("--scan", type=Path, metavar="FILE", help="tour: a real scan instead of the synthetic one")
    parser.add_argument("--output", type=Path, default=Path("tour"), help="tour: folder of pictures and tour.json")


def run(arguments: argparse.Namespace) -> int:
    """Carry out the part that was asked for; returns the exit status."""
    layout = Layout(arguments.prefix.absolute())
    demonstration = Demonstration(layout, user_prefix=arguments.user_prefix)
    missing = Packages.of(layout.prefix).missing()
    # `kill`, or a closed terminal, ends us as Ctrl-C does, so that whatever was begun is taken back
    # SIGINT too: a shell without job control starts its background commands with it ignored
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    try:
        match arguments.part:
            case "up" if missing:
                raise DemoError(f"there is no Slurm here; missing: {', '.join(missing)}. {REMEDY}")
            case "up":
                _up(demonstration)
            case "down":
                _down(demonstration)
            case "status":
                return _status(layout, as_json=arguments.json)
            case _ if missing:
                return _tour_without_slurm(missing, arguments)
            case part:
                return (_tour_alone if part else _everything)(demonstration, arguments)
    except DemoError as error:
        print(f"beamside demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _up(demonstration: Demonstration) -> None:
    began = time.monotonic()
    demonstration.up(lambda words: print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True))


def _down(demonstration: Demonstration) -> None:
    """Take everything down; a second Ctrl-C does not leave the half of it."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    demonstration.down()


def _status(layout: Layout, *, as_json: bool) -> int:
    status = read_status(layout)
    print(json.dumps(status, indent=1) if as_json else "\n".join(lines(status)))
    return 0 if status["up"] else 1


def _tour(layout: Layout, arguments: argparse.Namespace) -> int:
    # a browser and the numeric libraries: only who asks for the tour waits for them
    from beamside.demo.tour.tour import take_tour  # noqa: PLC0415

    return take_tour(layout, output=arguments.output.absolute(), scan=arguments.scan)


def _tour_without_slurm(missing: list[str], arguments: argparse.Namespace) -> int:
    # the numeric libraries, as above
    from beamside.demo.local import take_local_tour  # noqa: PLC0415

    return take_local_tour(missing, output=arguments.output.absolute(), scan=arguments.scan)


def _tour_alone(demonstration: Demonstration, arguments: argparse.Namespace) -> int:
    """Take the tour of what is up; what was brought up for it is taken down again."""
    if read_status(demonstration.layout)["up"]:
        return _tour(demonstration.layout, arguments)
    try:
        _up(demonstration)
        return _tour(demonstration.layout, arguments)
    finally:
        _down(demonstration)


def _everything(demonstration: Demonstration, arguments: argparse.Namespace) -> int:
    """Up, tour, serve until Ctrl-C, down. Nothing stays, however it ends; the exit status is the tour's."""
    outcome = 130  # as a shell calls a command that Ctrl-C ended
    try:
        _up(demonstration)
        outcome = _tour(demonstration.layout, arguments)
        shown = ["", *lines(read_status(demonstration.layout)), "", "serving; Ctrl-C takes everything down"]
        print("\n".join(shown), flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("taking everything down", flush=True)
    finally:
        _down(demonstration)
    return outcome
