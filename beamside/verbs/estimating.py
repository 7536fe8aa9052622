"""`beamside jobs estimate`: when a job of this size would start, before it is submitted."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from beamside.verbs.acting import finish
from beamside.verbs.show import print_json, print_line, span, words
from beamside.verbs.sizes import span as read_span
from facility.client import FacilityClient
from facility.models import Estimate, JobRequest

AT_ONCE = timedelta(minutes=1)
"""A start that is nearer than this is told as one at once: the scheduler takes its turns."""


def describe(estimate: argparse.ArgumentParser) -> None:
    """What `beamside jobs estimate` takes."""
    for option in ("account", "qos", "partition", "reservation", "constraint"):
        estimate.add_argument(f"--{option}", default="", help=f"see --{option} of sbatch(1)")
    estimate.add_argument("--walltime", type=read_span, required=True, help="e.g. 2h, 90min or 1-12:00:00")
    estimate.add_argument("--nodes", type=int, default=1, help="how many")
    estimate.add_argument("--gpus-per-node", type=int, default=0, help="how many")
    finish(estimate, show_estimate)


async def show_estimate(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """When it would start, in a sentence; status 1 where no start is told."""
    names = ("account", "qos", "partition", "reservation", "constraint", "walltime", "nodes", "gpus_per_node")
    found = await client.estimate(JobRequest(**{name: getattr(arguments, name) for name in names}))
    if arguments.json:
        print_json(found)
    else:
        print_line(sentence(found, datetime.now(UTC)))
    return 0 if found.starts else 1


def sentence(found: Estimate, now: datetime) -> str:
    """An estimate in words: when, where, or why not, and how old that is where it is not of now."""
    wait = found.wait(now)
    if found.starts is None or wait is None:
        told = f"No start can be told: {found.why_not}."
    else:
        when = f"at {words(found.starts)}, in {span(wait)}" if wait > AT_ONCE else "at once"
        where = f" on {found.nodes}" if found.nodes else ""
        told = f"It would start {when}{where}."
    if found.problem:
        told += f" That was said {span(max(now - found.as_of, timedelta(0)))} ago: {found.problem}."
    return told
