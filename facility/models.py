"""The vocabulary: what a facility has and what happens in it. Frozen records, times in UTC, no I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property


class JobState(StrEnum):
    """Slurm's job states (squeue(1), JOB STATE CODES), and UNKNOWN for a word this list lacks."""

    PENDING = "PENDING"
    CONFIGURING = "CONFIGURING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    STOPPED = "STOPPED"
    COMPLETING = "COMPLETING"
    STAGE_OUT = "STAGE_OUT"
    SIGNALING = "SIGNALING"
    RESIZING = "RESIZING"
    REQUEUED = "REQUEUED"
    REQUEUE_FED = "REQUEUE_FED"
    REQUEUE_HOLD = "REQUEUE_HOLD"
    RESV_DEL_HOLD = "RESV_DEL_HOLD"
    SPECIAL_EXIT = "SPECIAL_EXIT"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    NODE_FAIL = "NODE_FAIL"
    BOOT_FAIL = "BOOT_FAIL"
    DEADLINE = "DEADLINE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    PREEMPTED = "PREEMPTED"
    REVOKED = "REVOKED"
    LAUNCH_FAILED = "LAUNCH_FAILED"
    RECONFIG_FAIL = "RECONFIG_FAIL"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state never runs again under the same submission."""
        return self in _FINAL

    @property
    def is_waiting(self) -> bool:
        """Whether the job holds no nodes yet, and may get them without anybody acting."""
        return self in _WAITING


_FINAL = frozenset({
    JobState.COMPLETED, JobState.CANCELLED, JobState.FAILED, JobState.TIMEOUT, JobState.NODE_FAIL, JobState.BOOT_FAIL,
    JobState.DEADLINE, JobState.OUT_OF_MEMORY, JobState.PREEMPTED, JobState.REVOKED, JobState.LAUNCH_FAILED,
    JobState.RECONFIG_FAIL,
})  # fmt: skip
_WAITING = frozenset({
    JobState.PENDING, JobState.CONFIGURING, JobState.REQUEUED, JobState.REQUEUE_FED, JobState.REQUEUE_HOLD,
    JobState.SPECIAL_EXIT,
})  # fmt: skip


class Life(StrEnum):
    """The three answers to "is this job there?"; unknown is an answer, never a guess."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Job:
    """One batch job as last told. Strings are the scheduler's own: escape them where they are shown."""

    id: str  # "1234", or "1234_7" for an array task
    user: str
    name: str
    state: JobState
    state_word: str  # the scheduler's own word, kept also where `state` is UNKNOWN
    reason: str = ""  # the scheduler's word, e.g. "QOSMaxJobsPerUserLimit"
    account: str = ""
    qos: str = ""
    partition: str = ""
    reservation: str = ""
    comment: str = ""
    node_count: int = 0
    node_list: str = ""  # Slurm's host list expression, e.g. "nid[001-002]"
    batch_host: str = ""  # the node that runs the batch script; empty while the job waits
    priority: int = 0
    restarts: int = 0
    exit_code: str = ""  # "status:signal" as sacct tells it; empty while unknown
    submitted: datetime | None = None
    starts: datetime | None = None  # start, or the scheduler's estimate while waiting; None where it has none
    ends: datetime | None = None  # the time limit's end while running, the true end when final

    def time_left(self, now: datetime) -> timedelta | None:
        """Until the job's end, never negative; None while the scheduler tells no end."""
        return None if self.ends is None else max(self.ends - now, timedelta(0))


@dataclass(frozen=True)
class JobSnapshot:
    """All jobs that one complete, successful look at the queue showed."""

    version: int  # grows by at least one with every change; clients compare it, nothing more
    taken: datetime
    jobs: tuple[Job, ...]

    def waiting_before(self, job: Job) -> int:
        """How many pending jobs of its partition have a higher priority than `job`."""
        pending = self._priorities.get(job.partition, [])
        return len(pending) - bisect_right(pending, job.priority)

    @cached_property
    def _priorities(self) -> dict[str, list[int]]:
        """Of pending jobs, by partition, ascending: asked for every waiting job of a snapshot."""
        found = defaultdict[str, list[int]](list)
        for job in self.jobs:
            if job.state is JobState.PENDING:
                found[job.partition].append(job.priority)
        return {partition: sorted(priorities) for partition, priorities in found.items()}


@dataclass(frozen=True)
class JobChange:
    """One difference between two snapshots. `job` is None when the scheduler no longer tells of `job_id`."""

    version: int
    job_id: str
    job: Job | None


@dataclass(frozen=True)
class Reservation:
    """A Slurm reservation (scontrol(1), SPECIFICATIONS FOR RESERVATION COMMANDS)."""

    name: str
    starts: datetime
    ends: datetime
    state: str  # ACTIVE or INACTIVE
    node_list: str = ""
    node_count: int = 0
    users: tuple[str, ...] = ()  # a leading "-" excludes
    accounts: tuple[str, ...] = ()  # a leading "-" excludes
    groups: tuple[str, ...] = ()  # Unix groups; Slurm allows no exclusion here
    partition: str = ""
    features: str = ""
    flags: tuple[str, ...] = ()

    @property
    def is_flexible(self) -> bool:
        """Whether jobs may begin before it and end after it (flag FLEX)."""
        return "FLEX" in self.flags

    def is_active(self, now: datetime) -> bool:
        """Whether jobs may run inside it at `now`."""
        return self.starts <= now < self.ends

    def remaining(self, now: datetime) -> timedelta:
        """Time left in this reservation, never negative."""
        return max(self.ends - now, timedelta(0))


@dataclass(frozen=True)
class Entitlement:
    """An association: this user may charge this account with these QOS (sacctmgr(1), association)."""

    user: str
    account: str
    qos: tuple[str, ...]
    default_qos: str = ""
    partition: str = ""  # empty: every partition
    is_default: bool = False  # the user's default account
    balance_hours: float | None = None  # node hours left; None where the site sets no limit, or it is not known
    billing_hours_left: float | None = None  # the same of Slurm's billing TRES; see Billing
    description: str = ""


@dataclass(frozen=True)
class Qos:
    """A quality of service with the limits a form needs (sacctmgr(1), QOS)."""

    name: str
    priority: int = 0
    max_walltime: timedelta | None = None
    max_nodes: int | None = None  # of one user, or of the whole group where that is the smaller figure
    max_submits_per_user: int | None = None
    description: str = ""
    usage_factor: float = 1.0  # by which usage is multiplied before it is charged; 0: free of charge


@dataclass(frozen=True)
class Billing:
    """How a partition weighs what a job holds into Slurm's billing TRES (slurm.conf(5), TRESBillingWeights)."""

    weights: tuple[tuple[str, float], ...]  # by TRES: "cpu", "mem" (a GB of 1024 MB), "gres/gpu", "node"
    largest_of: tuple[str, ...] = ()  # of these only the largest counts (PriorityFlags), the others are added
    takes_whole_nodes: bool = False  # a job holds every CPU and GPU of its nodes (OverSubscribe=EXCLUSIVE)
    memory_mb_per_cpu: int | None = None  # what a job holds that asks for no memory; None: by the node
    memory_mb_per_node: int | None = None  # likewise; where both are None it holds all of the node's


@dataclass(frozen=True)
class Partition:
    """A partition with what is free in it now (sinfo(1))."""

    name: str
    is_up: bool
    is_default: bool
    max_walltime: timedelta | None
    nodes: int
    idle_nodes: int
    cpus_per_node: int
    memory_mb_per_node: int
    gpus_per_node: int = 0
    features: tuple[str, ...] = ()
    unavailable_nodes: int = 0  # down, drained or not answering
    billing: Billing | None = None  # None: it sets no weights, or they are not known


@dataclass(frozen=True)
class Image:
    """An environment a server can run in: a container image of `driver`, or driver "none" for the host's own."""

    name: str
    driver: str
    title: str
    description: str = ""
    runs_jupyter: bool = True


@dataclass(frozen=True)
class Identity:
    """Somebody the facility knows: a local account, and how the home institution names the person."""

    user: str
    uid: int
    issuer: str = ""  # OIDC `iss`; with `subject` the only key by which a login is matched, never by e-mail
    subject: str = ""  # OIDC `sub`
    full_name: str = ""
    is_operator: bool = False


@dataclass(frozen=True)
class Estimate:
    """When a request would start if it were submitted now, as the scheduler reckons it. Not a promise."""

    as_of: datetime  # when the scheduler was asked
    starts: datetime | None = None  # None: `why_not` says why
    nodes: str = ""  # Slurm's host list expression; empty where none are told
    partition: str = ""
    why_not: str = ""  # in words, mostly the scheduler's own; empty where there is a start
    problem: str = ""  # why this is an older answer, in words; empty when it is current

    def wait(self, now: datetime) -> timedelta | None:
        """From `now` until the start, never negative; None where no start is told."""
        return None if self.starts is None else max(self.starts - now, timedelta(0))


NO_IMAGE = "none"
"""As the name of an image: the host's own environment."""


@dataclass(frozen=True)
class JobRequest:
    """What a person asked for, judged against the Offer; no free text. Becomes argv of sbatch, never script text."""

    account: str
    qos: str
    partition: str
    walltime: timedelta
    nodes: int = 1
    reservation: str = ""
    image: str = NO_IMAGE
    constraint: str = ""
    cpus_per_task: int | None = None  # None: the partition's default
    memory_mb: int | None = None  # per node; None: the partition's default
    gpus_per_node: int = 0
    mail_at_start: bool = False  # the scheduler writes e-mail to the job's own user when it begins
