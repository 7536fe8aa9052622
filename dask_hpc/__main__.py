"""`python -m dask_hpc start|list|scale|close`: clusters from a terminal or another program; JSON on standard output.

Exit status 0: done. 1: refused or failed, with `{"error": {"what", "kind"}}`. 2: the command line is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from dask_hpc.deploy.cluster import MPICluster
from dask_hpc.request.shape import ARGUMENTS
from facility.clusters import ClusterRecord, read_record
from facility.errors import FacilityError


def start(options: argparse.Namespace) -> object:
    """Make a cluster and leave it running; with --wait only once all ranks have come."""
    given = {field: getattr(options, field) for field in ("profile", "scheduler", "provider", *ARGUMENTS)}
    cluster = MPICluster(options.name, **given)
    try:
        if options.wait is not None:
            cluster.wait_for_workers(timeout=options.wait)
        return _shown(read_record(cluster.name))
    finally:
        cluster.disconnect()


def show(_options: argparse.Namespace) -> object:
    """Every cluster of this user."""
    return [_shown(record) for record in MPICluster.list()]


def scale(options: argparse.Namespace) -> object:
    """Have so many blocks; those that are too many leave by themselves."""
    cluster = MPICluster.from_name(options.name)
    try:
        cluster.scale(blocks=options.blocks)
        return [asdict(block) for block in cluster.blocks]
    finally:
        cluster.disconnect()


def close(options: argparse.Namespace) -> object:
    """End a cluster for everybody."""
    MPICluster.from_name(options.name).close()
    return {"closed": options.name}


def _shown(record: ClusterRecord) -> dict[str, object]:
    return asdict(record)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(prog="python -m dask_hpc", description="Named Dask clusters of MPI ranks.")
    verbs = whole.add_subparsers(required=True, metavar="VERB")
    make = verbs.add_parser("start", help="submit a cluster and leave it running")
    make.add_argument("name", nargs="?", help="made up where none is given")
    make.add_argument("--profile", help='named defaults: of facility.toml, or "jobqueue.slurm"')
    for count in ("nodes", "ranks-per-node", "threads-per-rank", "gpus-per-rank"):
        make.add_argument(f"--{count}", type=int)
    make.add_argument("--blocks", type=int, help="how many batch jobs of that size")
    make.add_argument("--memory-per-rank", metavar="SIZE", help='e.g. "4 GiB"')
    make.add_argument("--qos", help="empty: the site's realtime QOS; \"-\": the account's default one")
    for name in ("partition", "account", "reservation", "constraint"):
        make.add_argument(f"--{name}", help=f"see --{name} of sbatch(1)")
    make.add_argument("--image", help='the container image of the ranks, e.g. "shifter:docker:site/mpi:1.0"')
    make.add_argument("--packed-environment", metavar="ARCHIVE", help="of the ranks' Python, as conda-pack makes it")
    help_mpi = "each node imports once and forks its workers, which then are no ranks"
    make.add_argument("--no-mpi", dest="mpi", action="store_false", default=None, help=help_mpi)
    make.add_argument("--walltime", help='"1:30:00" or "90 minutes"')
    make.add_argument("--scheduler", default="job", help='where it is: "job", or "here" on this machine')
    make.add_argument("--provider", help='"slurm": by its commands; "superfacility": by the Superfacility API')
    make.add_argument("--wait", metavar="TIME", help='wait until all ranks have come, at most "2 minutes"')
    make.set_defaults(act=start)
    verbs.add_parser("list", help="your clusters, newest first").set_defaults(act=show)
    size = verbs.add_parser("scale", help="have more or fewer blocks")
    size.add_argument("name")
    size.add_argument("--blocks", type=int, required=True)
    size.set_defaults(act=scale)
    end = verbs.add_parser("close", help="end a cluster for everybody")
    end.add_argument("name")
    end.set_defaults(act=close)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; people read standard error, programs standard output."""
    options = parser().parse_args(arguments)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the cluster tells its progress by printing
            answer, status = options.act(options), 0
    except (FacilityError, TimeoutError, ValueError) as error:
        answer, status = {"error": {"what": str(error), "kind": type(error).__name__}}, 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
