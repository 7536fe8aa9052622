"""`beamside jobs`: your jobs; when one would start; submitting, showing and ending one; its log as it is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from beamside.verbs import estimating
from beamside.verbs.acting import finish, run_act
from beamside.verbs.following import exit_status, follow_log, show_log
from beamside.verbs.session import add_common
from beamside.verbs.show import print_json, print_line, print_table, until
from beamside.verbs.sizes import span
from facility.client import FacilityClient, JobScript
from facility.errors import ProfileError
from facility.models import Job
from facility.reasons import why

STANDARD_INPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside jobs` takes."""
    add_common(parser)
    parser.add_argument("--user", default="", help="somebody else's, for operators")
    parser.set_defaults(act=show_all)
    acts = parser.add_subparsers(title="acts", metavar="ACT")
    _describe_submit(acts.add_parser("submit", help="submit a script"))
    estimating.describe(acts.add_parser("estimate", help="when a job of this size would start; nothing is submitted"))
    log = acts.add_parser("log", help="what a job has printed")
    log.add_argument("job_id", metavar="JOB", help="as `beamside jobs` shows it")
    log.add_argument(
        "-f", "--follow", action="store_true", help="go on until the job has ended; its status is returned"
    )
    log.add_argument("--file", default="", help="the log's path, where the scheduler has forgotten it")
    finish(log, show_the_log)
    one = acts.add_parser("show", help="one job, ended ones too")
    one.add_argument("job_id", metavar="JOB", help="1234, or 1234_7 for one task of an array")
    finish(one, show_one)
    for name, words, do in (
        ("cancel", "end jobs of yours", cancel_each),
        ("hold", "let waiting jobs of yours wait until they are released", hold_each),
        ("release", "undo a hold", release_each),
    ):
        act = acts.add_parser(name, help=words)
        act.add_argument("job_ids", metavar="JOB", nargs="+", help="as `beamside jobs` shows them")
        finish(act, do)


def _describe_submit(submit: argparse.ArgumentParser) -> None:
    submit.add_argument("script", help="a script of this machine, or - for standard input; see --there")
    submit.add_argument("arguments", nargs="*", help="the script's own arguments; those that begin with - after --")
    submit.add_argument("--there", action="store_true", help="the script lies at the facility already")
    for option in ("account", "qos", "partition", "reservation", "constraint", "name", "directory", "output"):
        submit.add_argument(f"--{option}", default="", help=f"see --{OF_SBATCH.get(option, option)} of sbatch(1)")
    submit.add_argument("--walltime", type=span, default=None, help="e.g. 2h, 90min or 1-12:00:00")
    submit.add_argument("--nodes", type=int, default=None, help="how many")
    submit.add_argument("--gpus-per-node", type=int, default=None, help="how many")
    submit.add_argument("--once", default="", metavar="KEY", help="a word of yours: the same word again, the same job")
    submit.add_argument("-f", "--follow", action="store_true", help="show its log until it has ended, as `log -f` does")
    finish(submit, submit_one)


OF_SBATCH = {"name": "job-name", "directory": "chdir"}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    return run_act(arguments)


async def show_all(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """The jobs at the last look at the queue."""
    snapshot = await client.jobs(arguments.user)
    if arguments.json:
        print_json(snapshot)
        return 0
    rows = [(j.id, j.name, j.state_word, j.qos, j.node_count, until(j.ends), why(j)) for j in snapshot.jobs]
    headings = ("job", "name", "state", "QOS", "nodes", "left", "that is")
    print_table(headings, rows, nothing="You have no jobs in the queue.")
    return 0


async def show_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Everything about one job."""
    job = await client.job(arguments.job_id)
    if arguments.json:
        print_json(job)
    else:
        print_table(("", ""), _facts(job), nothing="")
    return 0


async def submit_one(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Submit, and tell the job's id as soon as the scheduler has confirmed it."""
    text = "" if arguments.there else _read_script(arguments.script)
    names = ("account", "qos", "partition", "reservation", "constraint", "name", "directory", "output")
    chosen = {name: getattr(arguments, name) for name in (*names, "walltime", "nodes", "gpus_per_node")}
    if not chosen["name"] and not arguments.there and arguments.script != STANDARD_INPUT:
        chosen["name"] = Path(arguments.script).name
    path = arguments.script if arguments.there else ""
    new = JobScript(text, path, tuple(arguments.arguments), **chosen)
    job_id = await client.submit(new, arguments.once or str(uuid4()))
    if arguments.json:
        print_json({"job_id": job_id})
    elif arguments.follow:
        sys.stderr.write(f"Job {job_id} is submitted.\n")
    else:
        print_line(f"Job {job_id} is submitted.")
    return await _follow(client, job_id, "") if arguments.follow else 0


async def show_the_log(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """What a job has printed so far, or until it has ended."""
    if arguments.follow:
        return await _follow(client, arguments.job_id, arguments.file)
    await show_log(client, arguments.file or await client.log_path(arguments.job_id))
    return 0


async def _follow(client: FacilityClient, job_id: str, path: str) -> int:
    job = await follow_log(client, job_id, path or await client.log_path(job_id))
    sys.stderr.write(f"Job {job_id} has ended as {job.state}. {why(job)}\n")
    return exit_status(job)


async def cancel_each(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """End each of the jobs; one that has ended is no error."""
    return await _each(client.cancel, arguments, "cancelled", "is being ended")


async def hold_each(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Hold each of the jobs."""
    return await _each(client.hold, arguments, "held", "waits until it is released")


async def release_each(client: FacilityClient, arguments: argparse.Namespace) -> int:
    """Release each of the jobs."""
    return await _each(client.release, arguments, "released", "waits for its turn again")


async def _each(act: Callable[[str], Awaitable[None]], arguments: argparse.Namespace, done: str, words: str) -> int:
    for job_id in arguments.job_ids:
        await act(job_id)
        if not arguments.json:
            print_line(f"Job {job_id} {words}.")
    if arguments.json:
        print_json({done: arguments.job_ids})
    return 0


def _read_script(name: str) -> str:
    try:
        return sys.stdin.read() if name == STANDARD_INPUT else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ProfileError(
            f"the script {name} cannot be read here: {words}; --there names one at the facility"
        ) from error


def _facts(job: Job) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("job", job.id), ("name", job.name), ("user", job.user), ("state", job.state_word), ("that is", why(job)),
        ("account", job.account), ("QOS", job.qos), ("partition", job.partition), ("reservation", job.reservation),
        ("nodes", job.node_count), ("on", job.node_list), ("submitted", job.submitted), ("begins", job.starts),
        ("ends", job.ends), ("exit code", job.exit_code), ("comment", job.comment),
    ]  # fmt: skip
    return [(name, value) for name, value in facts if value not in ("", None, 0)]
