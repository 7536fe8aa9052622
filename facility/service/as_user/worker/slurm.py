"""Slurm's commands as the person: submit, cancel, hold, change, and reservations. Slurm decides who may do what."""

from __future__ import annotations

import re

from .children import command, run
from .frames import OUT, Problem, refuse
from .own import FILE_NAME, write_claim
from .run import Context

TYPE_CHECKING = False  # typing is slow to import, and a person waits for this program
if TYPE_CHECKING:
    from typing import Any

JOB_ID = re.compile(r"[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?")
OPTION = re.compile(r"--(?P<name>[a-z][a-z-]*)(?:=(?P<value>.{1,4096}))?")
FIELD = re.compile(r"(?P<name>[A-Za-z]+)[+-]?=(?P<value>.{0,4096})")
LARGEST_SECRET = 4096
SCRIPT = "/dev/stdin"
"""What follows it are the script's own arguments."""

SBATCH_OPTIONS = frozenset({
    "account", "array", "begin", "chdir", "comment", "constraint", "contiguous", "cores-per-socket", "cpus-per-gpu",
    "cpus-per-task", "deadline", "dependency", "distribution", "error", "exclude", "exclusive", "gpus",
    "gpus-per-node", "gpus-per-task", "gres", "hint", "hold", "input", "job-name", "kill-on-invalid-dep", "licenses",
    "mail-type", "mail-user", "mem", "mem-per-cpu", "mem-per-gpu", "mincpus", "nice", "no-requeue", "nodelist",
    "nodes", "ntasks", "ntasks-per-core", "ntasks-per-gpu", "ntasks-per-node", "ntasks-per-socket", "open-mode",
    "output", "overcommit", "oversubscribe", "parsable", "partition", "prefer", "qos", "requeue", "reservation",
    "signal", "sockets-per-node", "spread-job", "switches", "test-only", "threads-per-core", "time", "time-min", "tmp",
    "wckey",
})  # fmt: skip
TEST_ONLY = ["--test-only", "--wrap=true"]
ESTIMATE_OPTIONS = frozenset({
    "account", "begin", "constraint", "cpus-per-task", "gpus-per-node", "mem", "nodes", "partition", "qos",
    "reservation", "time",
})  # fmt: skip
JOB_FIELDS = frozenset({
    "Account", "Comment", "Deadline", "Dependency", "Features", "JobName", "MailType", "MailUser", "MinMemoryNode",
    "Nice", "NumCPUs", "NumNodes", "NumTasks", "Partition", "QOS", "Requeue", "ReservationName", "StartTime",
    "TimeLimit", "TimeMin",
})  # fmt: skip
RESERVATION_FIELDS = frozenset({
    "Accounts", "BurstBuffer", "CoreCnt", "Duration", "EndTime", "Features", "Flags", "Groups", "Licenses",
    "MaxStartDelay", "NodeCnt", "Nodes", "PartitionName", "ReservationName", "StartTime", "Users",
})  # fmt: skip


def sbatch(context: Context) -> dict[str, Any]:
    """sbatch(1) with the script as input; options from the list, and the script's own arguments after SCRIPT."""
    arguments = context.arguments
    options = arguments[: arguments.index(SCRIPT)] if SCRIPT in arguments else arguments
    _check_options(options, SBATCH_OPTIONS)
    if any("\0" in argument for argument in arguments):
        refuse("an argument of the script holds a zero byte")
    return run(context, [command(context, "sbatch"), *arguments], stdin=context.whole_input())


def put_claim(context: Context) -> dict[str, Any] | None:
    """Write the secret of a job, and submit that job by sbatch(1) where its options are named too.

    Its name, then options from the list or none; the input is the secret, then a zero byte and the script. Without
    options it tells the path.
    """
    name, options = context.arguments[:1], context.arguments[1:]
    if not name or not FILE_NAME.fullmatch(name[0]):
        refuse("put-claim takes one name, and the secret as input")
    _check_options(options, SBATCH_OPTIONS)
    secret, _, script = context.whole_input().partition(b"\0")
    if not 0 < len(secret) <= LARGEST_SECRET or bool(script) != bool(options):
        refuse("put-claim takes one name, and the secret as input; options of sbatch where a script follows it")
    path = write_claim(context.person.pw_dir, name[0], secret)
    if not options:
        context.out.send(OUT, path.encode())
        return None
    try:
        return run(context, [command(context, "sbatch"), *options], stdin=script)
    except Problem as problem:  # the home took its file, and Slurm was not reached: this may be tried again
        raise Problem("late", str(problem)) from problem


def estimate(context: Context) -> dict[str, Any]:
    """sbatch(1) of nothing, with --test-only: when a job with these options would start. Times are printed as epoch."""
    if context.arguments[:2] != TEST_ONLY:
        refuse("estimate begins with " + " ".join(TEST_ONLY))
    _check_options(context.arguments[2:], ESTIMATE_OPTIONS)
    context.no_input()
    return run(context, [command(context, "sbatch"), *context.arguments])


def scancel(context: Context) -> dict[str, Any]:
    """scancel(1) of one job."""
    if len(context.arguments) != 1 or not JOB_ID.fullmatch(context.arguments[0]):
        refuse("scancel takes one job id")
    context.no_input()
    return run(context, [command(context, "scancel"), *context.arguments])


def job_control(context: Context) -> dict[str, Any]:
    """scontrol(1): hold, release or requeue a job, or update fields of one."""
    match context.arguments:
        case ["hold" | "release" | "requeue", job_id] if JOB_ID.fullmatch(job_id):
            pass
        case ["update", job, *fields] if fields and JOB_ID.fullmatch(job.removeprefix("JobId=")):
            _check(fields, JOB_FIELDS)
            if not job.startswith("JobId="):
                refuse("update names its job by JobId=")
        case _:
            refuse("job-control takes hold, release or requeue and a job id, or update, JobId= and fields")
    return _scontrol(context)


def reservation(context: Context) -> dict[str, Any]:
    """scontrol(1): create, update or delete a reservation."""
    match context.arguments:
        case ["create", "reservation", *fields] if fields:
            _check(fields, RESERVATION_FIELDS)
        case ["update", name, *fields] if fields and name.startswith("ReservationName="):
            _check([name, *fields], RESERVATION_FIELDS)
        case ["delete", name] if name.startswith("ReservationName="):
            _check([name], RESERVATION_FIELDS)
        case _:
            refuse("reservation takes create reservation, update ReservationName= or delete ReservationName=")
    return _scontrol(context)


def _scontrol(context: Context) -> dict[str, Any]:
    context.no_input()
    return run(context, [command(context, "scontrol"), *context.arguments])


def _check_options(options: list[str], known: frozenset[str]) -> None:
    for text in options:
        option = OPTION.fullmatch(text)
        if not option or option["name"] not in known or not text.isprintable():
            refuse("an argument of sbatch is not one of the options that may be used")


def _check(fields: list[str], known: frozenset[str]) -> None:
    for text in fields:
        field = FIELD.fullmatch(text)
        if not field or field["name"] not in known or not text.isprintable():
            refuse("a field of scontrol is not one of those that may be set: " + ", ".join(sorted(known)))
