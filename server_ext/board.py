"""What this server knows of the user's jobs, and since when: one numbered state that every tab follows.

A tab takes a snapshot with its version once, then deltas; a delta that does not begin at the tab's version means
that something was missed, and the tab takes a snapshot again. The epoch tells two runs of a server apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from facility.models import Job
from server_ext.ahead import Around
from server_ext.problems import Problem

MOST_CHANGES = 200
"""A delta with more changes than this is sent as a gap: one snapshot is smaller."""

NOT_YET = Problem("The scheduler has not been asked yet.", "your jobs", "Wait a moment.", 503)


@dataclass(frozen=True)
class Knowledge:
    """Whether the jobs shown are what the scheduler says now; if not, `problem` says why."""

    since: datetime  # known: since when without a break; not known: the last time that they were
    problem: Problem | None = None

    @property
    def known(self) -> bool:
        """Whether there is nothing wrong."""
        return self.problem is None


@dataclass(frozen=True)
class Delta:
    """What turns version `after` of the board into `version`. A job that is None is no longer told of."""

    after: int
    version: int
    changes: Mapping[str, Job | None] = field(default_factory=dict)


def differences(old: Mapping[str, Job], new: Mapping[str, Job]) -> dict[str, Job | None]:
    """The jobs that are new or different, and None for those that went."""
    changed: dict[str, Job | None] = {key: job for key, job in new.items() if old.get(key) != job}
    return changed | {key: None for key in old.keys() - new.keys()}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class JobBoard:
    """The user's jobs as last told, what is known of them, and a version that grows with every change of either."""

    def __init__(self, tell: Callable[[Delta], None], now: Callable[[], datetime] = _utc_now) -> None:
        self._tell = tell
        self._now = now
        self._jobs: dict[str, Job] | None = None
        self._taken = now()
        self.epoch = secrets.token_hex(4)
        self.version = 0
        self.knowledge = Knowledge(self._taken, NOT_YET)
        self.around = Around()

    @property
    def jobs(self) -> Mapping[str, Job] | None:
        """By job id; None while they were never known, which is not the same as none."""
        return self._jobs

    @property
    def time(self) -> datetime:
        """This server's clock, so that a browser can correct its own."""
        return self._now()

    def show(self, jobs: Iterable[Job], taken: datetime) -> None:
        """Take the jobs of one complete, successful look at the scheduler, made at `taken`."""
        new = {job.id: job for job in jobs}
        changes = differences(self._jobs or {}, new)
        self._jobs, self._taken = new, taken
        if changes or not self.knowledge.known:
            self.knowledge = self.knowledge if self.knowledge.known else Knowledge(taken)
            self._step(changes)

    def lose(self, problem: Problem) -> None:
        """Say that the jobs are no longer known to be true; what was known last stays shown."""
        if self.knowledge.problem == problem:
            return
        since = self._taken if self.knowledge.known else self.knowledge.since
        self.knowledge = Knowledge(since, problem)
        self._step({})

    def surround(self, around: Around) -> None:
        """Take what the facility told of the reservation and the outages that this session depends on."""
        if around != self.around:
            self.around = around
            self._step({})

    def beat(self) -> None:
        """Tell the version again without a change, so that a tab which missed something finds out."""
        self._tell(Delta(self.version, self.version))

    def _step(self, changes: Mapping[str, Job | None]) -> None:
        after, self.version = self.version, self.version + 1
        if len(changes) > MOST_CHANGES:
            after, changes = self.version, {}  # begins where no tab is: each takes a snapshot
        self._tell(Delta(after, self.version, changes))
