"""The parts of one running service, made once (`facility.service.running`) and handed to every router."""

from __future__ import annotations

from dataclasses import dataclass

from facility.as_user import Acting
from facility.profile import Profile
from facility.providers.slurm import Slurm
from facility.service.accounts.groups import Groups
from facility.service.accounts.projects import Projects
from facility.service.as_user.acts import Acts
from facility.service.as_user.commands import Commands
from facility.service.as_user.files import Files
from facility.service.as_user.tasks import FileTasks
from facility.service.bookings.feeds import FeedStore
from facility.service.bookings.service import Bookings
from facility.service.callbacks.service import Callbacks
from facility.service.caller import Mandate
from facility.service.clock import Clock
from facility.service.database import Database
from facility.service.health.board import StatusBoard
from facility.service.health.clock_watch import ClockWatch
from facility.service.hearing import Hearing
from facility.service.identity.port import IdentityPort
from facility.service.jobs.changes import JobChanges
from facility.service.jobs.submission import Submission
from facility.service.operations.service import Operations
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.estimates import Estimates
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.job_rows import JobRows
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.occupancy import Occupancy
from facility.service.scheduler.polling import Polling
from facility.service.site_images import SiteImages
from facility.service.transfers.service import Transfers
from facility.service.watched import Watched


@dataclass(frozen=True)
class Parts:
    """Everything a route may need."""

    profile: Profile
    clock: Clock
    slurm: Slurm
    ledger: Ledger
    broadcast: Broadcast
    poller: Polling
    facts: Facts
    budget: Budget
    catalogue: SiteImages
    identity: IdentityPort
    database: Database
    operations: Operations
    acts: Acts
    submission: Submission
    job_changes: JobChanges
    file_tasks: FileTasks
    commands: Commands
    job_rows: JobRows
    estimates: Estimates
    projects: Projects
    groups: Groups
    hearing: Hearing
    callbacks: Callbacks
    bookings: Bookings
    feeds: FeedStore
    occupancy: Occupancy
    status: StatusBoard
    transfers: Transfers
    clock_watch: ClockWatch
    watched: tuple[Watched, ...]
    names: frozenset[str]  # of the microservices served; empty: all

    def acting_for(self, mandate: Mandate) -> Acting:
        """Leave to act as whom the mandate is of."""
        return self.acts.acting_for(mandate)

    def slurm_for(self, mandate: Mandate) -> Slurm:
        """The scheduler, as that person where something is changed."""
        return self.acts.slurm_for(mandate)

    def files_for(self, mandate: Mandate) -> Files:
        """That person's files."""
        return self.acts.files_for(mandate)
