"""Servers that the stock Slurm spawner left running: written down once as ours, so that they go on.

JupyterHub kept the job's id in the spawner's state, and where the server listens. That such a job is this person's is
Slurm's to say: whoever had a server could write into that state.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from facility.models import Job
from spawners.intents import UNTOLD, Intent, IntentStore
from spawners.start.endings import Kind
from spawners.start.metrics import ADOPTED
from spawners.untyped import Untyped

log = logging.getLogger("beamside.takeover")


@dataclass(frozen=True)
class Former:
    """A server as JupyterHub kept it for the spawner that started it."""

    job_id: str
    host: str
    port: int
    started: datetime


def left_running(state: Mapping[str, object], kept: Untyped) -> Former | None:
    """What the stock spawner left running; None for a state of ours, and where there is no job or no server.

    kept : JupyterHub's own record of the spawner, `orm.Spawner`.
    """
    job_id = state.get("job_id")
    if not isinstance(job_id, str) or not job_id.isdecimal() or "nonce" in state or kept.server is None:
        return None
    started = kept.started.replace(tzinfo=UTC)  # JupyterHub's times are in UTC and do not say so
    return Former(job_id, str(kept.server.ip), int(kept.server.port), started)


def take_over(intents: IntentStore, user: str, server: str, former: Former, system: str) -> None:
    """Write the server down as ours, unless that was done already.

    An open intent for another job is of a time before the stock spawner had its turn: that one is over.
    """
    if (known := intents.open_one(user, server)) is not None:
        if known.job_id == former.job_id:
            return
        words = f"Your job {known.job_id or '(none yet)'} was let go of while another spawner ran this hub."
        intents.end(known.nonce, words, kind=Kind.FORGOTTEN, remedy="Start again when you are ready.")
    nonce = secrets.token_hex(10)
    intents.take_over(
        Intent(nonce, user, server, UNTOLD, former.started, job_id=former.job_id, host=former.host, port=former.port,
               system=system)
    )  # fmt: skip
    ADOPTED.inc()
    log.info("took over job %s of %s's server %r", former.job_id, user, server)


def is_owned(job: Job, user: str) -> bool:
    """Whether the job is this person's; a number stands for an account that is gone, and proves nothing."""
    return job.user == user or job.user.isdecimal()
