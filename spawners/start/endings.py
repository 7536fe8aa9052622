"""How a server ended, in words and with what to do next: walltime, memory, a lost node, an operator, and so on."""

from __future__ import annotations

import asyncio
import pwd
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from facility.errors import FacilityError
from facility.models import Job, JobState
from facility.reasons import WHY_ENDED
from facility.script import slurm_time
from spawners.desk import Desk
from spawners.intents import Intent
from spawners.start.metrics import ENDS
from spawners.start.progress import printable

LAST_LINES = 8
"""How much of a job's log is shown."""

RECORD_TRIES, RECORD_PAUSE = 5, 0.7
"""Accounting hears of a job's end about a second after the controller; who cancelled it stands there only."""

CUT_SHORT = timedelta(minutes=2)
"""Slurm ends jobs within a minute of their limit; one that ended earlier than this was cut short by something else."""

_NO_MEMORY = re.compile(
    r"^slurmstepd[\w.-]*: error: .*(oom.kill|memory limit|out of memory)", re.IGNORECASE | re.MULTILINE
)
"""What Slurm writes into a job's own log when memory runs out."""

_CANCELLED_BY = re.compile(r"CANCELLED by (\d+)")
"""sacct(1), State: the uid of whoever cancelled a job."""


class Kind(StrEnum):
    """How a server ended; the label of metrics and events."""

    WALLTIME = "walltime"
    OUT_OF_MEMORY = "out-of-memory"
    NODE_LOST = "node-lost"
    PREEMPTED = "preempted"
    RESERVATION_ENDED = "reservation-ended"
    CANCELLED = "cancelled"
    CANCELLED_BY_OPERATOR = "cancelled-by-operator"
    STOPPED = "stopped"
    SERVER_DIED = "server-died"
    COMPLETED = "completed"
    FAILED = "failed"
    FORGOTTEN = "forgotten"
    REFUSED = "refused"
    TOO_SLOW = "too-slow"
    DEPARTED = "departed"


REMEDIES = {
    Kind.WALLTIME: "What was saved is there. Start again, with a longer walltime where the form offers one.",
    Kind.OUT_OF_MEMORY: "Start again with more memory or on a larger node, or load less at once.",
    Kind.NODE_LOST: "Nothing you did caused this. Start again: Slurm gives you other nodes.",
    Kind.PREEMPTED: "Start again; in a QOS that others do not preempt it keeps its nodes.",
    Kind.RESERVATION_ENDED: "Start again outside it, or in another reservation.",
    Kind.CANCELLED: "Start again when you are ready.",
    Kind.CANCELLED_BY_OPERATOR: "Ask the operators why, with the job's number, before you start again.",
    Kind.STOPPED: "Start again when you are ready.",
    Kind.SERVER_DIED: "Start again; if it happens twice, send the job's number and log to the operators.",
    Kind.COMPLETED: "Start again when you are ready.",
    Kind.FAILED: "Correct what it names and start again; if it names nothing, tell the operators the job number.",
    Kind.FORGOTTEN: "Start again; if it happens twice, tell the operators the job number.",
    Kind.REFUSED: "Change the choice it names and start again.",
    Kind.TOO_SLOW: "Start again; if it happens twice, tell the operators the job number.",
    Kind.DEPARTED: "Start again when you are signed in.",
}

_BY_STATE = {
    JobState.OUT_OF_MEMORY: Kind.OUT_OF_MEMORY,
    JobState.NODE_FAIL: Kind.NODE_LOST,
    JobState.BOOT_FAIL: Kind.NODE_LOST,
    JobState.PREEMPTED: Kind.PREEMPTED,
    JobState.COMPLETED: Kind.COMPLETED,
}


@dataclass(frozen=True)
class Ending:
    """An end with its name."""

    kind: Kind
    words: str

    @property
    def remedy(self) -> str:
        """What the person may do next."""
        return REMEDIES[self.kind]


def name_end(job: Job | None, intent: Intent, log_tail: str = "", *, me: int = -1, served: bool = True) -> Ending:
    """Name an end by what Slurm, the job and its log say of it. No I/O.

    job : the job's final record; None where Slurm no longer knows it.
    log_tail : the last lines of the job's log, as the job wrote them.
    me : the uid of the server's owner; a job that another uid cancelled was cancelled by an operator.
    served : whether the server ever answered.
    """
    kind = _kind(job, intent, log_tail, me)
    early = "" if served else " before its server answered"
    if early and job is not None and not (job.batch_host or job.node_list or log_tail):
        early = " before it ran"
    return Ending(kind, f"Your job {intent.job_id} ended{early}: {_cause(kind, job, intent, log_tail)}")


def _kind(job: Job | None, intent: Intent, log_tail: str, me: int) -> Kind:
    if _NO_MEMORY.search(log_tail):
        return Kind.OUT_OF_MEMORY
    if intent.hint and (job is None or job.state not in _BY_STATE or job.state is JobState.COMPLETED):
        return Kind(intent.hint)
    if job is None:
        return Kind.FORGOTTEN
    if job.state is JobState.TIMEOUT:
        inside = intent.request.reservation  # one that ended is not named in the record any more
        return Kind.RESERVATION_ENDED if inside and _was_cut_short(job, intent) else Kind.WALLTIME
    if job.state is JobState.CANCELLED:
        by = _CANCELLED_BY.search(job.state_word)
        return Kind.CANCELLED_BY_OPERATOR if by and int(by[1]) != me else Kind.CANCELLED
    return _BY_STATE.get(job.state, Kind.FAILED)


def _was_cut_short(job: Job, intent: Intent) -> bool:
    """Whether a job that reached a time limit ran for less than it was granted: its reservation ended."""
    if job.starts is None or job.ends is None:
        return False
    return job.ends - job.starts < intent.request.walltime - CUT_SHORT


def _cause(kind: Kind, job: Job | None, intent: Intent, log_tail: str) -> str:
    nodes = f" ({job.node_list or job.batch_host})" if job and (job.node_list or job.batch_host) else ""
    sentences = {
        Kind.WALLTIME: f"its walltime{_granted(intent)} was used up.",
        Kind.OUT_OF_MEMORY: "it ran out of memory.",
        Kind.NODE_LOST: f"a node it ran on{nodes} failed.",
        Kind.PREEMPTED: "a job of higher priority took its nodes.",
        Kind.RESERVATION_ENDED: f"its reservation {intent.request.reservation} ended.",
        Kind.CANCELLED: "it was cancelled with scancel.",
        Kind.CANCELLED_BY_OPERATOR: f"{_canceller(job)} cancelled it.",
        Kind.SERVER_DIED: "the notebook server in it no longer ran, so the job was ended too.",
        Kind.COMPLETED: "the notebook server was shut down from inside, or idle for too long.",
        Kind.FORGOTTEN: "Slurm no longer knows it.",
        Kind.DEPARTED: "the hub ended it, for the sign-in it was started by counted no more.",
    }
    if kind in sentences:
        return sentences[kind]
    said = f" It wrote last: {printable(log_tail)}" if printable(log_tail) else ""
    why = WHY_ENDED.get(job.state, "") if job else ""
    return f"{(why[:1].lower() + why[1:]) or 'it did not serve.'}{said}"


def _granted(intent: Intent) -> str:
    """How much it was; nothing of a server whose request nobody can tell."""
    span = intent.request.walltime
    return f" of {slurm_time(span).removeprefix('0-')}" if span else ""


def _canceller(job: Job | None) -> str:
    by = _CANCELLED_BY.search(job.state_word) if job else None
    try:
        return f"the operator {pwd.getpwuid(int(by[1])).pw_name}" if by and int(by[1]) else "an operator (root)"
    except KeyError:
        return "an operator"


def name_stop(intent: Intent) -> Ending:
    """Name the end of a job that the hub cancelled: a person asked to stop it, or it took too long to serve."""
    kind = Kind(intent.hint) if intent.hint else Kind.STOPPED
    whose = f"Your job {intent.job_id}" if intent.job_id else "Your request"
    cause = {
        Kind.STOPPED: "was stopped on the hub's pages.",
        Kind.TOO_SLOW: "did not serve in time and was cancelled.",
        Kind.DEPARTED: "was ended by the hub, for the sign-in it was started by counted no more.",
    }
    return Ending(kind, f"{whose} {cause.get(kind, 'was ended.')}")


async def conclude(desk: Desk, intent: Intent, job: Job | None, *, served: bool) -> Ending:
    """Gather what names this end, write it down, and return it. Asks accounting only who cancelled a job."""
    intent = desk.intents.by_nonce(intent.nonce) or intent  # the job may have told why meanwhile
    if job is not None and job.state is JobState.CANCELLED and not intent.hint:
        job = await _with_canceller(desk, job)
    ending = name_end(job, intent, await log_tail(desk, intent), me=_uid(intent.user), served=served)
    if desk.intents.end(intent.nonce, ending.words, kind=ending.kind, remedy=ending.remedy):
        ENDS.labels(kind=ending.kind).inc()
    return ending


async def _with_canceller(desk: Desk, job: Job) -> Job:
    """The record in accounting, once it names who cancelled the job; the job as it is where it never does."""
    for _ in range(RECORD_TRIES):
        if _CANCELLED_BY.search(job.state_word):
            break
        try:
            job = (await desk.scheduler.records([job.id])).get(job.id, job)
        except FacilityError:
            break
        await asyncio.sleep(0 if _CANCELLED_BY.search(job.state_word) else RECORD_PAUSE)
    return job


async def log_tail(desk: Desk, intent: Intent) -> str:
    """The last lines of the job's log as it wrote them; empty where there is none, most often as it never ran."""
    try:
        tail = await desk.files.tail_log(intent.user, intent.nonce, LAST_LINES)
    except FacilityError:
        return ""
    return tail.decode("utf-8", "replace")


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return -1
