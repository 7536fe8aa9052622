"""The jobs as the scheduler last told them, and what that means when it tells less than before. No I/O."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from facility.models import Job, JobChange, JobSnapshot
from facility.providers.slurm.squeue import Listing

KEPT_CHANGES = 10_000
"""How many changes a listener may have missed and still go on without a new snapshot."""

FEW = 4  # below so many jobs, half of them ending at once is nothing unusual


@dataclass(frozen=True)
class Noted:
    """A change, and whose job it is about."""

    change: JobChange
    user: str


class Ledger:
    """One cluster's jobs.

    A job leaves it when it had ended and the scheduler forgot it, or when `settle` says that it is gone; never because
    one answer lacks it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._of_user: dict[str, dict[str, Job]] = {}  # the same, so that one user's jobs are found among many
        self._absent: dict[str, int] = {}  # complete answers in a row that lacked this job, which had not ended
        # later starts give larger versions, so that an id of an earlier process is never taken for one of this
        self._version = int(time.time() * 1000)
        self._first_version = self._version
        self._user_version: dict[str, int] = {}
        self._changes: deque[Noted] = deque(maxlen=KEPT_CHANGES)
        self._doubted = False
        self._taken: datetime | None = None
        self.malformed_rows = 0

    @property
    def taken(self) -> datetime | None:
        """When the last complete answer came; None before the first."""
        return self._taken

    def job(self, job_id: str) -> Job | None:
        """The job as last told."""
        return self._jobs.get(job_id)

    def __len__(self) -> int:
        return len(self._jobs)

    def snapshot(self, user: str = "") -> JobSnapshot | None:
        """All jobs, or one user's; None before the first complete answer."""
        if self._taken is None:
            return None
        jobs = self._of_user.get(user, {}) if user else self._jobs
        return JobSnapshot(self._version, self._taken, tuple(jobs.values()))

    def version_of(self, user: str = "") -> int:
        """The version of the last change that concerns `user` (empty: anybody)."""
        return self._user_version.get(user, self._first_version) if user else self._version

    def since(self, version: int) -> list[Noted] | None:
        """The changes after `version`, or None where it cannot be told: fetch the snapshot."""
        oldest = self._changes[0].change.version - 1 if self._changes else self._version
        if not oldest <= version <= self._version:
            return None
        return [noted for noted in self._changes if noted.change.version > version]

    def everything(self) -> tuple[int, datetime | None, tuple[Job, ...]]:
        """All there is, for another process: the version, when the queue was last looked at, the jobs."""
        return self._version, self._taken, tuple(self._jobs.values())

    def lead(self) -> None:
        """From now on changes are numbered here: with larger numbers than whoever did it before."""
        self._version = max(self._version + 1, int(time.time() * 1000))

    def restore(self, version: int, taken: datetime | None, jobs: Iterable[Job]) -> list[Noted]:
        """Become a copy of another process's ledger; what is different comes back, all with its version."""
        told = {job.id: job for job in jobs}
        news = [
            Noted(JobChange(version, job.id, job), job.user) for job in told.values() if self._jobs.get(job.id) != job
        ]
        gone = [self._jobs[job_id] for job_id in self._jobs.keys() - told.keys()]
        self._taken, self._version, self._first_version = taken, version, version
        self._jobs, self._of_user = {}, {}
        for job in told.values():
            self._hold(job)
        self._absent.clear()
        self._changes.clear()
        self._user_version.clear()
        return news + [Noted(JobChange(version, job.id, None), job.user) for job in gone]

    def follow(self, noted: Noted) -> list[Noted]:
        """Note a change as another process numbered it; an older one than the copy is left out."""
        change = noted.change
        if change.version <= self._version:
            return []
        if change.job is None:
            self._drop(change.job_id)
        else:
            self._hold(change.job)
        self._version = self._user_version[noted.user] = change.version
        self._changes.append(noted)
        return [noted]

    def looked(self, taken: datetime) -> None:
        """Another process looked at the whole queue."""
        self._taken = taken

    def take(self, listing: Listing, taken: datetime) -> list[Noted]:
        """Note a successful answer about the whole queue; the changes it brings come back."""
        self.malformed_rows += listing.malformed
        told = {job.id: job for job in listing.jobs}
        # most are the very records of last time (see squeue.Reader), which is seen without comparing their fields
        known = self._jobs.get
        changes = [self._note(job) for job in told.values() if (held := known(job.id)) is not job and held != job]
        self._absent = {job_id: times for job_id, times in self._absent.items() if job_id not in told}
        if not self._is_complete(len(told), listing.malformed):
            return changes
        self._taken = taken
        for job_id in self._jobs.keys() - told.keys():
            if self._jobs[job_id].state.is_final:
                changes.append(self._remove(job_id))
            else:
                self._absent[job_id] = self._absent.get(job_id, 0) + 1
        return changes

    def put(self, job: Job) -> list[Noted]:
        """Note the answer to a question about one job."""
        return [self._note(job)] if self._jobs.get(job.id) != job else []

    def suspects(self) -> list[str]:
        """Jobs that two complete answers in a row lacked: each needs a question of its own."""
        return [job_id for job_id, times in self._absent.items() if times >= 2]

    def settle(self, job_id: str, record: Job | None) -> list[Noted]:
        """Note the answer about a suspect: its last record, or None where the scheduler says: unknown id.

        A record of an earlier submission of the same job (before a requeue) proves nothing; nor does one that is alive.
        """
        known = self._jobs.get(job_id)
        if known is None:
            return []
        if record is None:
            return [self._remove(job_id)]
        is_older = record.submitted and known.submitted and record.submitted < known.submitted
        if not record.state.is_final or is_older:
            return []
        return [self._note(record), self._remove(job_id)]

    def _is_complete(self, told: int, malformed: int) -> bool:
        """Whether absence from this answer counts; a queue that lost more than half is believed the second time.

        `told` jobs came with the answer and are held by now.
        """
        shrunk = len(self._jobs) >= FEW and told < len(self._jobs) / 2
        doubted, self._doubted = self._doubted, shrunk
        return malformed == 0 and (not shrunk or doubted)

    def _note(self, job: Job) -> Noted:
        self._hold(job)
        return self._noted(job.id, job, job.user)

    def _remove(self, job_id: str) -> Noted:
        self._absent.pop(job_id, None)
        user = self._jobs[job_id].user
        self._drop(job_id)
        return self._noted(job_id, None, user)

    def _hold(self, job: Job) -> None:
        known = self._jobs.get(job.id)
        if known and known.user != job.user:  # a job id that came round again
            self._drop(job.id)
        self._jobs[job.id] = job
        self._of_user.setdefault(job.user, {})[job.id] = job

    def _drop(self, job_id: str) -> None:
        if job := self._jobs.pop(job_id, None):
            self._of_user[job.user].pop(job_id)

    def _noted(self, job_id: str, job: Job | None, user: str) -> Noted:
        self._version += 1
        self._user_version[user] = self._version
        noted = Noted(JobChange(self._version, job_id, job), user)
        self._changes.append(noted)
        return noted
