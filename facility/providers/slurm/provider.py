"""Slurm: every question and act, one method each. Commands run here; their modules only build argv and read bytes."""

from __future__ import annotations

import logging
import os
import pwd
import re
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from facility.errors import NotFound, Unreachable, Unreadable
from facility.models import Billing, Entitlement, Estimate, Job, JobRequest, Partition, Qos, Reservation
from facility.profile import System
from facility.providers.slurm import (
    ahead,
    log_path,
    reserving,
    sacct,
    sacctmgr,
    sbatch,
    scancel,
    scontrol,
    sinfo,
    squeue,
    sshare,
    views,
    weights,
    will_run,
)
from facility.providers.slurm.run import Completed, Runner
from facility.providers.slurm.text import JOB_ID, Marks, decode
from facility.script import sbatch_options

log = logging.getLogger(__name__)

WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}")
"""A user, partition or account."""

LOOK_BACK = timedelta(days=2)
"""How far back a nonce is looked for in accounting: longer than any hub keeps an unanswered submission."""

BILLING_SECONDS = 600.0
"""How long what was told of partitions' billing weights stands."""

LONGEST_ARGUMENT = 100_000
"""Bytes of one argument of a command; Linux takes 131,072 (execve(2), MAX_ARG_STRLEN)."""

ESTIMATE_SECONDS = 8.0
"""How long an estimate may take: whoever asks looks at a form. A controller that is down is noticed after 38 s."""


def slurm_environment(system: System) -> dict[str, str]:
    """The whole environment of Slurm's commands. Nothing else of ours reaches them, so nothing else reaches a job."""
    me = pwd.getpwuid(os.geteuid())
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": me.pw_dir,
        "USER": me.pw_name,
        "LOGNAME": me.pw_name,
        "LC_ALL": "C.UTF-8",
        "SLURM_TIME_FORMAT": "%s",
        "SLURM_BITSTR_LEN": "0",  # squeue shortens the list of an array's waiting tasks to 64 characters by default
    }
    conf = system.slurm_conf or os.environ.get("SLURM_CONF", "")
    # a Slurm that was unpacked without root finds its libraries by this
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return environment | libraries | ({"SLURM_CONF": conf} if conf else {})


class Slurm:
    """One system's scheduler.

    Parameters
    ----------
    system : the facts of facility.toml; its `commands` say what is run.
    run : how commands run, as whom.
    timeout : seconds after which a command is ended. Slurm's own commands give up after 20 (MessageTimeout x 2).
    """

    def __init__(self, system: System, run: Runner, timeout: float = 25.0) -> None:
        self._commands = system.commands
        self._run = run
        self._timeout = timeout
        self._reader = squeue.Reader()
        self._billing: dict[str, Billing] = {}
        self._billed = -BILLING_SECONDS

    def by(self, run: Runner) -> Slurm:
        """The same scheduler, whose commands run in another way."""
        other = copy(self)
        other._run = run
        return other

    async def listing(self, *, user: str = "") -> squeue.Listing:
        """Every job Slurm holds, or every one of `user`'s, with the count of rows that could not be read."""
        marks = Marks.fresh()
        done = await self._ask(squeue.argv(self._commands.squeue, marks, user=user))
        # one person's jobs are looked for now and then: they must not push out the whole queue's
        return squeue.parse(done.stdout, marks) if user else self._reader.read(done.stdout, marks)

    async def jobs(self) -> list[Job]:
        """Every job Slurm holds."""
        return list((await self.listing()).jobs)

    async def job(self, job_id: str) -> Job | None:
        """One job by a question about it alone; from accounting when it left the queue.

        None means that the controller positively says that there is no such job, and accounting has no record of it.
        """
        _check_id(job_id)
        marks = Marks.fresh()
        command = squeue.argv(self._commands.squeue, marks, job_id=job_id)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        unknown = done.returncode != 0 and squeue.says_unknown_id(done.stderr)
        if not unknown:
            _succeeded(command, done)
            found = squeue.parse(done.stdout, marks)
            held = next((job for job in found.jobs if job.id == job_id), None)
            if held:
                return held
        record = await self._record(job_id, certain=unknown)
        if record is None and not unknown and "_" not in job_id:
            raise Unreadable(f"squeue said nothing about job {job_id}, neither that it is there nor that it is not")
        return record

    async def held(self, job_ids: Sequence[str]) -> squeue.Listing:
        """What the controller holds of these jobs, by one question for all; of one that is left out `job` tells more.

        So many that a command's argument cannot name them are looked for among all jobs.
        """
        for job_id in job_ids:
            _check_id(job_id)
        if len(named := ",".join(job_ids)) > LONGEST_ARGUMENT:
            return await self.listing()
        marks = Marks.fresh()
        command = squeue.argv(self._commands.squeue, marks, job_id=named)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and squeue.says_unknown_id(done.stderr):  # said where one is asked for and not held
            return squeue.Listing((), 0)
        return squeue.parse(_succeeded(command, done).stdout, marks)

    async def records(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """What accounting last recorded of these jobs; one without a record is left out."""
        for job_id in job_ids:
            _check_id(job_id)
        listing = await self._accounting(tuple(job_ids))
        found = {job_id: sacct.record_of(job_id, listing) for job_id in job_ids}
        return {job_id: job for job_id, job in found.items() if job}

    async def find_by_nonce(self, user: str, nonce: str) -> list[Job]:
        """Jobs of `user` that carry `nonce` in name or comment, the oldest first; ended ones too.

        An empty list means that there is none; where that is not certain, Unreachable or Unreadable is raised.
        """
        _check_name(user)
        listing = await self.listing(user=user)
        marks = Marks.fresh()
        command = sacct.argv(self._commands.sacct, marks, user=user, since=datetime.now(UTC) - LOOK_BACK)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and sacct.says_no_accounting(done.stderr):
            recorded = squeue.Listing((), 0)
        else:
            recorded = sacct.parse(_succeeded(command, done).stdout, marks)
        seen = (*recorded.jobs, *listing.jobs)
        carriers = {job.id: job for job in seen if nonce in job.name or nonce in job.comment}
        if not carriers and (listing.malformed or recorded.malformed):
            raise Unreadable(f"rows of Slurm's answer cannot be read, so that no job with {nonce} may be one unseen")
        return sorted(carriers.values(), key=lambda job: (job.submitted or datetime.max.replace(tzinfo=UTC), job.id))

    async def submit(
        self,
        request: JobRequest,
        script: bytes,
        *,
        user: str,
        name: str,
        comment: str,
        directory: str,
        output: str,
        extra: Sequence[str] = (),
    ) -> str:
        """Submit `script` as `user` and return the job's id.

        `extra` are further sbatch options of ours, e.g. ("--requeue",). Raises SubmitRefused with sbatch's words, and
        Unreachable when the job may be held all the same: then look for it with `find_by_nonce`, never just try again.
        """
        own = [f"--job-name={name}", f"--comment={comment}", f"--chdir={directory}", f"--output={output}"]
        command = sbatch.argv(self._commands.sbatch, [*sbatch_options(request), *own, *extra])
        done = await self._run.run(command, user=user, stdin=script, timeout=self._timeout)
        return sbatch.parse(done.returncode, done.stdout, done.stderr)

    async def estimate(self, request: JobRequest, *, user: str, begin: datetime | None = None) -> Estimate:
        """When such a job of `user`'s would start, no sooner than `begin`. Nothing is submitted.

        Name as `begin` when `request`'s reservation begins, if it has not: Slurm refuses to tell otherwise. Raises
        SubmitRefused with Slurm's words.
        """
        command = will_run.argv(self._commands.sbatch, sbatch_options(request), begin)
        asked = datetime.now(UTC)
        done = await self._run.run(command, user=user, timeout=min(self._timeout, ESTIMATE_SECONDS))
        return will_run.parse(done.returncode, done.stderr, asked)

    async def ahead(self, job: Job) -> int | None:
        """How many jobs that wait in its partition have a higher priority; None where it has none, as while held."""
        if not job.priority or not WORD.fullmatch(job.partition):
            return None
        return ahead.parse((await self._ask(ahead.argv(self._commands.squeue, job))).stdout, job)

    async def begin_of(self, request: JobRequest) -> datetime | None:
        """When the request's reservation begins; None where it has begun, is not waited for, or there is none."""
        known = await self.reservations() if request.reservation else ()
        return will_run.begin_of(request, known, datetime.now(UTC))

    async def history(self, user: str, since: datetime) -> list[Job]:
        """What accounting recorded of the jobs of `user` since then; without accounting there is none."""
        _check_name(user)
        marks = Marks.fresh()
        command = sacct.argv(self._commands.sacct, marks, user=user, since=since)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and sacct.says_no_accounting(done.stderr):
            return []
        return list(sacct.parse(_succeeded(command, done).stdout, marks).jobs)

    async def cancel(self, job_id: str, *, user: str) -> None:
        """End a job as `user`. A job that has ended is no error; raises NotAllowed for somebody else's."""
        _check_id(job_id)
        command = scancel.argv(self._commands.scancel, job_id)
        done = await self._run.run(command, user=user, timeout=self._timeout)
        if problem := scancel.refusal(job_id, done.returncode, done.stderr):
            raise problem

    async def submit_script(self, script: bytes, arguments: Sequence[str], options: Sequence[str], *, user: str) -> str:
        """Submit a person's own script as `user` and return the job's id. `options` override the script's own.

        Raises what `submit` raises; the nonce to look for is whatever `options` hold.
        """
        # with arguments sbatch wants a file's name before them; this one is the script that it is given
        line = [*options, *(("/dev/stdin", *arguments) if arguments else ())]
        command = sbatch.argv(self._commands.sbatch, line)
        done = await self._run.run(command, user=user, stdin=script, timeout=self._timeout)
        return sbatch.parse(done.returncode, done.stdout, done.stderr)

    async def log_path(self, job_id: str) -> tuple[str, str]:
        """Whose job it is and where it prints to; ("", "") where the controller does not remember it."""
        _check_id(job_id)
        marks = Marks.fresh()
        command = log_path.argv(self._commands.squeue, marks, job_id)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and squeue.says_unknown_id(done.stderr):
            return "", ""
        return log_path.parse(_succeeded(command, done).stdout, marks)

    async def hold(self, job_id: str, *, user: str) -> None:
        """Let a waiting job of `user`'s wait until it is released. Raises Refused with Slurm's words."""
        await self._control("hold", job_id, user)

    async def release(self, job_id: str, *, user: str) -> None:
        """Let a held job of `user`'s run when its turn comes. Raises Refused with Slurm's words."""
        await self._control("release", job_id, user)

    async def change(self, job_id: str, fields: Mapping[str, str], *, user: str) -> None:
        """Change fields of a job of `user`'s by their names in scontrol(1). Raises Refused with Slurm's words."""
        words = [f"{name}={value}" for name, value in fields.items()]
        await self._control("update", job_id, user, f"JobId={job_id}", *words)

    async def _control(self, act: str, job_id: str, user: str, *words: str) -> None:
        _check_id(job_id)
        command = [self._commands.scontrol, act, *(words or (job_id,))]
        done = await self._run.run(command, user=user, timeout=self._timeout)
        if problem := scontrol.refusal(f"job {job_id} was not changed", done.returncode, done.stderr):
            raise problem

    async def reservations(self) -> tuple[Reservation, ...]:
        """Every reservation, whoever may use it."""
        return scontrol.parse((await self._ask(scontrol.argv(self._commands.scontrol))).stdout)

    async def create_reservation(self, wanted: Reservation, *, user: str) -> None:
        """Make a reservation as `user`, an operator.

        Raises AlreadyThere, NotAllowed, Refused with Slurm's words, and Unreachable when it may be there all the same.
        """
        await self._reserve(reserving.create_argv(self._commands.scontrol, wanted), user)

    async def update_reservation(
        self, name: str, *, ends: datetime | None = None, nodes: int | None = None, user: str
    ) -> None:
        """Change a reservation's end or its number of nodes as `user`, an operator; raises like the above."""
        await self._reserve(reserving.update_argv(self._commands.scontrol, name, ends, nodes), user)

    async def delete_reservation(self, name: str, *, user: str) -> None:
        """End a reservation as `user`, an operator. Raises NotFound where it has ended, Refused while jobs use it."""
        await self._reserve(reserving.delete_argv(self._commands.scontrol, name), user)

    async def _reserve(self, argv: list[str], user: str) -> None:
        done = await self._run.run(argv, user=user, timeout=self._timeout)
        if problem := reserving.problem(user, done.returncode, done.stderr):
            raise problem

    async def associations(self, user: str = "") -> sacctmgr.Associations:
        """Who may charge what, and who is an operator; for everybody, or for one user."""
        if user:
            _check_name(user)
        accounts = await self._ask(sacctmgr.accounts_argv(self._commands.sacctmgr))
        people = await self._ask(sacctmgr.associations_argv(self._commands.sacctmgr, user))
        known = sacctmgr.parse_associations(people.stdout, sacctmgr.parse_accounts(accounts.stdout))
        return replace(known, entitlements=sshare.with_balance(known.entitlements, await self._usage_if_known()))

    async def _usage_if_known(self) -> tuple[sshare.Usage, ...]:
        """Who may charge what is worth knowing also while the controller cannot tell what is left."""
        try:
            return await self.usage()
        except (Unreachable, Unreadable) as error:
            log.warning("what is left of each account is not known: %s", error)
            return ()

    async def entitlements(self, user: str) -> tuple[Entitlement, ...]:
        """What `user` may charge, the default account first."""
        return (await self.associations(user)).of(user)

    async def qos(self) -> tuple[Qos, ...]:
        """Every QOS with its limits."""
        return sacctmgr.parse_qos((await self._ask(sacctmgr.qos_argv(self._commands.sacctmgr))).stdout)

    async def partitions(self) -> tuple[Partition, ...]:
        """Every partition and what is free in it."""
        marks = Marks.fresh()
        found = sinfo.parse((await self._ask(sinfo.argv(self._commands.sinfo, marks))).stdout, marks)
        billing = await self._billing_if_known()
        return tuple(replace(one, billing=billing.get(one.name)) for one in found)

    async def _billing_if_known(self) -> dict[str, Billing]:
        """How partitions charge: asked rarely, for operators change it rarely; what was told last stands meanwhile."""
        if time.monotonic() - self._billed >= BILLING_SECONDS:
            self._billed = time.monotonic()
            try:
                rows = weights.rows((await self._ask(weights.argv(self._commands.scontrol))).stdout)
                config = (await self._ask(weights.config_argv(self._commands.scontrol))).stdout if rows else b""
                self._billing = {name: weights.billing(row, config) for name, row in rows.items()}
            except (Unreachable, Unreadable) as error:
                log.warning("how partitions charge is not known: %s", error)
        return self._billing

    async def queue_rows(
        self, *, job_ids: Sequence[str] = (), user: str = "", partition: str = "", account: str = ""
    ) -> list[views.Row]:
        """Every word that squeue has of these jobs; ids that the controller does not hold are left out."""
        for job_id in job_ids:
            _check_id(job_id)
        marks = Marks.fresh()
        filters = {"user": user, "partition": partition, "account": account}
        _check_words(filters)
        command = views.queue_argv(self._commands.squeue, marks, job_ids=job_ids, **filters)
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and squeue.says_unknown_id(done.stderr):
            return []
        return views.parse_queue(_succeeded(command, done).stdout, marks)

    async def record_rows(
        self,
        *,
        job_ids: Sequence[str] = (),
        user: str = "",
        partition: str = "",
        account: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[views.Row]:
        """Every word that accounting has of these jobs; without ids and `since`, of those of today."""
        for job_id in job_ids:
            _check_id(job_id)
        marks = Marks.fresh()
        filters = {"user": user, "partition": partition, "accounts": account}
        _check_words(filters)
        command = views.records_argv(
            self._commands.sacct, marks, job_ids=job_ids, filters=filters, since=since, until=until
        )
        return views.parse_records((await self._ask(command)).stdout, marks)

    async def coordinators(self) -> dict[str, frozenset[str]]:
        """Account -> those whom its administrators let manage it."""
        done = await self._ask(sacctmgr.coordinators_argv(self._commands.sacctmgr))
        return sacctmgr.parse_coordinators(done.stdout)

    async def usage(self) -> tuple[sshare.Usage, ...]:
        """What every account and each of its users was given and has used."""
        return sshare.parse((await self._ask(sshare.argv(self._commands.sshare))).stdout)

    async def _ask(self, argv: list[str]) -> Completed:
        return _succeeded(argv, await self._run.run(argv, user=None, timeout=self._timeout))

    async def _accounting(self, job_ids: tuple[str, ...]) -> squeue.Listing:
        marks = Marks.fresh()
        done = await self._ask(sacct.argv(self._commands.sacct, marks, job_ids=job_ids))
        return sacct.parse(done.stdout, marks)

    async def _record(self, job_id: str, *, certain: bool) -> Job | None:
        """The accounting record; where the controller was certain, accounting that cannot answer changes nothing."""
        try:
            return (await self.records([job_id])).get(job_id)
        except (Unreachable, Unreadable) as error:
            if not certain:
                raise
            log.warning("no accounting record for job %s: %s", job_id, error)
            return None


def _succeeded(argv: Sequence[str], done: Completed) -> Completed:
    if done.returncode != 0:
        words = decode(done.stderr).strip() or f"status {done.returncode} and no message"
        raise Unreachable(f"{argv[0]} failed: {words}")
    return done


def _check_id(job_id: str) -> None:
    if not JOB_ID.fullmatch(job_id):
        raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")


def _check_words(filters: dict[str, str]) -> None:
    """Names that stand in a command's argument: one word each, never a list and never an option."""
    for name, word in filters.items():
        if word and not WORD.fullmatch(word):
            raise NotFound(f"{word[:64]!r} is no {name} here")


def _check_name(user: str) -> None:
    if not user or user.startswith("-") or not user.isascii() or not user.isprintable() or set(user) & set(",= \"'"):
        raise NotFound(f"{user!r} is no local account")
