"""Bring the parts of a service up, keep their background work going, and take them down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from facility.as_user import acting
from facility.profile import Profile
from facility.providers.slurm import Slurm
from facility.service.accounts.group_store import GroupStore
from facility.service.accounts.groups import Groups
from facility.service.accounts.projects import Projects
from facility.service.as_user.acts import Acts
from facility.service.as_user.closed_accounts import keep_telling
from facility.service.as_user.commands import Commands
from facility.service.as_user.tasks import FileTasks
from facility.service.bookings.feeds import FeedStore
from facility.service.bookings.service import Bookings
from facility.service.bookings.store import BookingStore
from facility.service.clock import Clock, SystemClock
from facility.service.database import Database, database_url
from facility.service.health.board import StatusBoard
from facility.service.health.clock_watch import ClockWatch
from facility.service.health.store import StatusStore
from facility.service.hearing import Hearing
from facility.service.identity.opening import identity_for
from facility.service.identity.port import IdentityPort
from facility.service.jobs.changes import JobChanges
from facility.service.jobs.submission import Submission
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operations
from facility.service.parts import Parts
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.estimates import Estimates
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.job_rows import JobRows
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.occupancy import Occupancy
from facility.service.scheduler.poller import Poller
from facility.service.scheduler.polling import Polling
from facility.service.site_images import SiteImages
from facility.service.state import open_state
from facility.service.transfers.engines import engines_of
from facility.service.transfers.service import Transfers


@dataclass(frozen=True)
class _Ground:
    """What every other part stands on. `given` is another scheduler than the profile's, to be asked by everybody."""

    profile: Profile
    clock: Clock
    given: Slurm | None
    slurm: Slurm
    database: Database
    operations: Operations
    ledger: Ledger
    broadcast: Broadcast
    facts: Facts
    budget: Budget
    poller: Polling
    catalogue: SiteImages
    names: frozenset[str]


@asynccontextmanager
async def running(
    profile: Profile,
    state: Path,
    slurm: Slurm | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    names: Collection[str] = (),
) -> AsyncIterator[Parts]:
    """The parts with their background work. Another `slurm` or `transport` to the login provider may take their places.

    `names` are the microservices that will be served (none: all): identity alone does not look at the queue.

    Raises ProfileError where the state directory is not safe.
    """
    open_state(state)
    url = database_url(profile.service.database, state, "service")
    database = await asyncio.to_thread(Database, url, "service")
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        ground = _ground(profile, slurm, database, frozenset(names))
        is_operator, here = ground.facts.is_operator, not names or "identity" in names
        identity = await stack.enter_async_context(
            identity_for(profile, state, ground.clock, is_operator, transport, here=here)
        )
        parts = _parts(ground, identity)
        await parts.callbacks.reload()
        work = [asyncio.create_task(loop) for loop in _work(parts, state)]
        try:
            yield parts
        finally:
            for loop in work:
                loop.cancel()
            # each to its end: one that acts for a person has a worker to take down
            await asyncio.gather(*work, return_exceptions=True)


def _ground(profile: Profile, given: Slurm | None, database: Database, names: frozenset[str]) -> _Ground:
    clock, slurm, ledger = SystemClock(), given or Slurm(profile.system, acting(profile)), Ledger()
    broadcast, budget, facts = Broadcast(ledger), Budget(clock), Facts(slurm, clock)
    return _Ground(
        profile=profile,
        clock=clock,
        given=given,
        slurm=slurm,
        database=database,
        operations=Operations(database, clock, names),
        ledger=ledger,
        broadcast=broadcast,
        facts=facts,
        budget=budget,
        poller=Polling(Poller(slurm, ledger, broadcast, budget, clock), ledger, broadcast, facts, clock),
        catalogue=SiteImages(profile.system, clock),
        names=names,
    )


def _parts(ground: _Ground, identity: IdentityPort) -> Parts:
    profile, operations, clock, facts = ground.profile, ground.operations, ground.clock, ground.facts
    acts, delegated = Acts(profile, identity, ground.given), Delegated(operations, identity)
    hearing = Hearing(profile, ground.database, ground.ledger, ground.broadcast, clock)
    projects = Projects(ground.slurm, facts, clock)
    status = StatusBoard(profile, facts, ground.ledger, ground.poller.watched, StatusStore(ground.database), clock)
    engines = engines_of(profile, acts.acting_for, clock)
    look_again, hint = partial(facts.reservations.refresh_now, ground.budget), ground.poller.hint
    clock_watch = ClockWatch(clock)
    watched = (
        ground.poller.watched,
        clock_watch.watched,
        *(fact.watched for fact in facts.all),
        *ground.catalogue.watched,
        identity.watched,
        operations.watched,
        hearing.callbacks.watched,
        status.watched,
    )
    status.watch(watched)
    return Parts(
        profile=profile,
        clock=clock,
        slurm=ground.slurm,
        ledger=ground.ledger,
        broadcast=ground.broadcast,
        poller=ground.poller,
        facts=facts,
        budget=ground.budget,
        catalogue=ground.catalogue,
        identity=identity,
        database=ground.database,
        operations=operations,
        acts=acts,
        submission=Submission(operations, acts.slurm_for, acts.files_for, delegated, hearing.callbacks, hint, clock),
        job_changes=JobChanges(operations, acts.slurm_for, delegated, hint),
        file_tasks=FileTasks(operations, acts.files_for, delegated),
        commands=Commands(operations, acts.acting_for, delegated),
        job_rows=JobRows(ground.slurm, ground.ledger, projects.sees, clock),
        estimates=Estimates(acts.slurm_for, facts, ground.poller, clock),
        projects=projects,
        groups=Groups(GroupStore(ground.database), projects, clock),
        hearing=hearing,
        callbacks=hearing.callbacks,
        bookings=Bookings(BookingStore(ground.database), operations, acts.slurm_for, identity, look_again, clock),
        feeds=FeedStore(ground.database),
        occupancy=Occupancy(ground.ledger),
        status=status,
        transfers=Transfers(profile, operations, engines, delegated, hearing.tell, clock),
        clock_watch=clock_watch,
        watched=watched,
        names=ground.names,
    )


def _work(parts: Parts, state: Path) -> list[Coroutine[None, None, None]]:
    """What goes on in the background: of identity alone little, of the others what each serves."""
    always = [parts.operations.run(), parts.clock_watch.run()]
    if parts.names == {"identity"}:
        return [*always, parts.facts.associations.keep(parts.budget)]
    work = [
        *always,
        parts.poller.run(state, parts.profile.service.poll_seconds),
        parts.catalogue.keep(parts.budget),
        parts.hearing.run(),
        parts.status.run(parts.hearing.tell),
    ]
    if parts.profile.as_user and (not parts.names or "accounts" in parts.names):
        work.append(keep_telling(parts.profile, parts.identity, parts.clock))
    if not parts.names or "callbacks" in parts.names:
        work += parts.hearing.keep_telling(parts.slurm, parts.facts, parts.budget, parts.watched)
    return work
