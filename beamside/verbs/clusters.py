"""`beamside clusters`: the Dask clusters of whoever runs it, on this machine's system; scaling and ending one."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from beamside.verbs.session import INTERRUPTED, STATUSES
from beamside.verbs.show import print_json, print_line, print_table, span
from dask_hpc import MPICluster
from dask_hpc.config import read_knobs
from dask_hpc.deploy.listing import in_words, listing
from dask_hpc.jobs.blocks import blocks_of
from facility.clusters import ClusterRecord, read_record
from facility.errors import FacilityError
from facility.profile import load_profile

Act = Callable[[argparse.Namespace], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside clusters` takes."""
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.set_defaults(act=show_all)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    _describe(acts.add_parser("show", help="one cluster and its blocks"), show_one)
    scale = acts.add_parser("scale", help="have more or fewer blocks, each a batch job")
    scale.add_argument("--blocks", type=int, required=True, help="how many; those that are too many leave")
    _describe(scale, scale_one)
    _describe(acts.add_parser("close", help="end a cluster for everybody"), close_one)


def _describe(parser: argparse.ArgumentParser, act: Act) -> None:
    parser.add_argument("name", metavar="NAME", help="as `beamside clusters` shows it")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="JSON instead of tables")
    parser.set_defaults(act=act)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    act: Act = arguments.act
    try:
        act(arguments)
    except FacilityError as error:
        sys.stderr.write(f"{error}\n")
        return next(status for kind, status in STATUSES if isinstance(error, kind))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def show_all(arguments: argparse.Namespace) -> None:
    """Every cluster, whichever kernel made it."""
    found = asyncio.run(_listed())
    if arguments.json:
        print_json([record for record, _ in found])
        return
    rows = [(r.name, r.state, len(r.blocks), r.ranks, _jobs(r), r.qos, r.reservation, _age(r), w) for r, w in found]
    headings = ("cluster", "state", "blocks", "ranks each", "jobs", "QOS", "reservation", "since", "that is")
    print_table(headings, rows, nothing="You have no clusters.")


def show_one(arguments: argparse.Namespace) -> None:
    """One cluster, block by block."""
    record = read_record(arguments.name)
    if arguments.json:
        print_json(record)
        return
    print_line(f"{record.name}: {record.state}{f', {record.reason}' if record.reason else ''}")
    rows = [(block.number, block.job_id, block.state, block.words) for block in record.blocks]
    print_table(("block", "job", "state", "that is"), rows, nothing="It has no blocks yet.")


def scale_one(arguments: argparse.Namespace) -> None:
    """Wish for so many blocks, and show what there is then."""
    with contextlib.redirect_stdout(sys.stderr):  # the cluster tells its progress by printing
        cluster = MPICluster.from_name(arguments.name)
        try:
            cluster.scale(blocks=arguments.blocks)
        finally:
            cluster.disconnect()
    show_one(arguments)


def close_one(arguments: argparse.Namespace) -> None:
    """End it; what it holds is lost."""
    with contextlib.redirect_stdout(sys.stderr):
        MPICluster.from_name(arguments.name).close()
    if arguments.json:
        print_json({"closed": arguments.name})
    else:
        print_line(f"{arguments.name} has ended.")


async def _listed() -> list[tuple[ClusterRecord, str]]:
    blocks = blocks_of(load_profile().system, read_knobs())
    found = await listing(blocks)
    return list(zip(found, await asyncio.gather(*(in_words(record, blocks) for record in found)), strict=True))


def _jobs(record: ClusterRecord) -> str:
    return ", ".join(record.job_ids)


def _age(record: ClusterRecord) -> str:
    return span(datetime.now(UTC) - datetime.fromtimestamp(record.created, UTC))
