"""What the feed tells of a server's job reaches its spawner at once, so that JupyterHub itself need not look often."""

from __future__ import annotations

import logging

from facility.models import Job
from hub_ext.whose import spawner_of
from spawners.desk import Desk
from spawners.untyped import Untyped

log = logging.getLogger("beamside.notice")


async def tell_spawners(app: Untyped, desk: Desk) -> None:
    """Pass on what is told of jobs of ours, until cancelled."""
    async for change in desk.feed.listen():
        try:
            if change.job is not None:
                _tell(app, desk, change.job)
        except Exception as error:  # the outermost loop: a mistake must not end the listening
            log.error("what the queue told of job %s could not be passed on", change.job_id, exc_info=error)


def _tell(app: Untyped, desk: Desk, job: Job) -> None:
    """Tell the spawner whose open intent this job serves; a name alone proves nothing, so it only looks."""
    nonce = job.name.removeprefix(desk.job_name(""))
    intent = desk.intents.by_nonce(nonce) if nonce != job.name else None
    if intent is None or intent.job_id != job.id:
        return
    if (spawner := spawner_of(app.users, intent)) is not None:
        spawner.stirred(job)
