"""Submit once: one intent, at most one job, whatever sbatch, the network or a killed hub did in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from facility.errors import FacilityError, SubmitRefused
from facility.models import Job, JobState
from spawners.certificates import job_pass
from spawners.desk import Desk
from spawners.intents import Intent
from spawners.start.endings import name_stop
from spawners.start.metrics import ADOPTED, ENDS, SPARES

SETTLE = 2.0
"""Seconds between two looks for a job whose submission got no answer: a controller that wakes up needs a moment."""

LONGEST_WAIT = 15.0
"""Seconds; the longest pause between two tries while the scheduler is down."""

log = logging.getLogger("beamside.submit")


async def submit_once(
    desk: Desk,
    intent: Intent,
    script: bytes,
    *,
    directory: str,
    output: str,
    tell: Callable[[str], None],
    extra: Sequence[str] = (),
) -> Intent:
    """Bring the intent to exactly one job and return it with its job id.

    Waits as long as the scheduler is down, telling why. Cancelling leaves the intent as it is: the next call finds the
    job, if there is one. `extra` are options of sbatch, of ours. Raises SubmitRefused with the scheduler's words.
    """
    searched = intent.job_id == "" and intent.secret_hash == ""  # no secret was made: sbatch was never called
    wait = 1.0
    while not intent.job_id:
        try:
            if not searched:
                intent = await _adopt(desk, intent)
                searched = True
                continue
            searched = False
            if desk.turn.locked():
                tell("Many start at this moment; your request is handed in in its turn.")
            async with desk.turn:
                intent = await _submit(desk, intent, script, directory=directory, output=output, extra=extra)
        except SubmitRefused:
            raise
        except FacilityError as error:
            tell(f"The scheduler does not answer; your request is kept and goes in as soon as it does ({error}).")
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
    return intent


async def _submit(
    desk: Desk, intent: Intent, script: bytes, *, directory: str, output: str, extra: Sequence[str]
) -> Intent:
    secret = desk.intents.renew_secret(intent.nonce)
    papers = job_pass(desk.hub_settings(), intent.user)
    ticket = f"{secret}\n{papers}" if papers else secret
    name = desk.job_name(intent.nonce)
    scheduler = desk.scheduler.by(desk.files.with_claim(intent.nonce, ticket.encode()))
    job_id = await scheduler.submit(
        intent.request,
        script,
        user=intent.user,
        name=name,
        comment=name,
        directory=directory,
        output=output,
        extra=extra,
    )
    return desk.intents.submitted(intent.nonce, job_id)


async def _adopt(desk: Desk, intent: Intent) -> Intent:
    """The intent with the job that an unanswered sbatch left, or as it was after two searches that found none."""
    for pause in (0.0, SETTLE):
        await asyncio.sleep(pause)
        if found := await ours(desk, intent):
            ADOPTED.inc()
            log.info("adopted job %s of %s's server %r", found[0].id, intent.user, intent.server)
            await cancel_spare(desk, intent, found)
            return desk.intents.submitted(intent.nonce, found[0].id)
    return intent


async def ours(desk: Desk, intent: Intent) -> list[Job]:
    """Jobs of this intent that may still run, oldest first: same user, our hub and nonce, not older than the intent."""
    name = desk.job_name(intent.nonce)
    found = await desk.scheduler.find_by_nonce(intent.user, intent.nonce)
    mine = (job for job in found if job.user == intent.user and name in (job.name, job.comment))
    alive = (job for job in mine if not job.state.is_final)
    return sorted(alive, key=lambda job: (job.submitted or desk.now(), _number(job)))


async def cancel_spare(desk: Desk, intent: Intent, found: list[Job]) -> None:
    """Of several jobs for one intent the oldest stays; the others are cancelled and named in the log."""
    for job in found[1:]:
        log.warning("intent %s has two jobs: %s stays, %s is cancelled", intent.nonce, found[0].id, job.id)
        await desk.scheduler.cancel(job.id, user=intent.user)
        SPARES.inc()


def _number(job: Job) -> int:
    return int(job.id) if job.id.isdigit() else 0


async def see_off(desk: Desk, intent: Intent) -> None:
    """End the intent's job as its user, asking again until the scheduler confirms; then the intent is over."""
    wait = 0.5
    while not await _is_over(desk, intent):
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, 10.0)
    ending = name_stop(desk.intents.by_nonce(intent.nonce) or intent)
    if desk.intents.end(intent.nonce, ending.words, kind=ending.kind, remedy=ending.remedy):
        ENDS.labels(kind=ending.kind).inc()


async def _is_over(desk: Desk, intent: Intent) -> bool:
    """Ask every job of this intent to end; true once the scheduler confirms that none is left."""
    try:
        known = [await desk.scheduler.job(intent.job_id)] if intent.job_id else await ours(desk, intent)
        left = [job for job in known if job is not None and not job.state.is_final]
        for job in left:
            if job.state is not JobState.COMPLETING:
                await desk.scheduler.cancel(job.id, user=intent.user)
    except FacilityError as error:
        log.warning("job %s of %s cannot be ended yet: %s", intent.job_id or "(unknown)", intent.user, error)
        return False
    return not left


async def cancel_spares(desk: Desk) -> None:
    """Cancel jobs of this hub that serve no open intent: what an unanswered sbatch left behind after all.

    Reads the shared feed only. A job whose nonce was never ours is somebody else's and is left alone.
    """
    snapshot = desk.feed.snapshot
    prefix = desk.job_name("")
    for job in snapshot.jobs if snapshot else ():
        if not job.name.startswith(prefix) or job.state.is_final:
            continue
        nonce = job.name.removeprefix(prefix)
        intent = desk.intents.by_nonce(nonce)
        if (intent is None and desk.intents.is_known(nonce)) or (intent and intent.job_id not in {"", job.id}):
            log.warning("job %s of %s serves no request any more; it is cancelled", job.id, job.user)
            try:
                await desk.scheduler.cancel(job.id, user=job.user)
                SPARES.inc()
            except FacilityError as error:
                log.warning("job %s cannot be cancelled yet: %s", job.id, error)
