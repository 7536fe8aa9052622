"""What a person reads while the server starts: the job, its state and its reason in words, each sentence once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from facility.models import Job, JobSnapshot, JobState
from facility.reasons import why

Event = dict[str, int | str]

SHOWN = 1200
"""Characters of a job's log that are shown at most."""


class Story:
    """The sentences of one start, in order; whoever opens the page late hears them all."""

    def __init__(self) -> None:
        self._events: list[tuple[int, Event]] = []  # each with its number; a sentence told again gets a new one
        self._told = 0
        self._over = False
        self._more = asyncio.Event()

    @property
    def so_far(self) -> list[Event]:
        """Every sentence, the newest last; for a page that is drawn without JavaScript."""
        return [event for _, event in self._events]

    def tell(
        self,
        message: str,
        progress: int | None = None,
        *,
        as_of: datetime | None = None,
        starts: datetime | None = None,
    ) -> None:
        """Add a sentence. The one that was told last is told again only with a later `as_of`, in its own place.

        as_of : when the scheduler said so.   starts : when the scheduler expects the job to start.
        """
        facts = {"as_of": as_of.isoformat() if as_of else None, "starts": starts.isoformat() if starts else None}
        said: dict[str, int | str | None] = {"message": message, "progress": progress, **facts}
        event: Event = {name: value for name, value in said.items() if value is not None}
        if self._events and self._events[-1][1]["message"] == message:
            if event.get("as_of", "") == self._events[-1][1].get("as_of", "") or as_of is None:
                return
            self._events.pop()
        self._told += 1
        self._events.append((self._told, event))
        self._wake()

    def end(self) -> None:
        """Nothing more will be told."""
        self._over = True
        self._wake()

    async def listen(self) -> AsyncIterator[Event]:
        """Every sentence from the first on, until the story ends."""
        heard = 0
        while True:
            more = self._more
            for number, event in [one for one in self._events if one[0] > heard]:
                yield event
                heard = number
            if self._over and heard == self._told:
                return
            await more.wait()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


def describe(
    job: Job, snapshot: JobSnapshot | None, now: datetime, opens: datetime | None = None, kept_by: str = ""
) -> tuple[str, int]:
    """A job on its way as a sentence, with how far it is in per cent.

    opens : when its reservation begins.   kept_by : what keeps it, where that is more than Slurm's reason tells.
    """
    if job.state is JobState.RUNNING:
        where = f" on {job.batch_host}" if job.batch_host else ""
        return f"Job {job.id} runs{where}; the notebook server is starting.", 70
    if job.state.is_waiting or kept_by:
        waits = f"Job {job.id} is waiting in the queue ({job.state_word})."
        return " ".join(
            part for part in (waits, kept_by or why(job), _place(job, snapshot), _estimate(job, now, opens)) if part
        ), 30
    return f"Job {job.id} is {job.state_word}.", 40


def _place(job: Job, snapshot: JobSnapshot | None) -> str:
    """How many waiting jobs of its partition have a higher priority; empty where the queue does not tell."""
    if snapshot is None or not job.priority:
        return ""
    if not (ahead := snapshot.waiting_before(job)):
        return "No waiting job of its partition has a higher priority."
    return f"{ahead} waiting job{'s' if ahead != 1 else ''} with a higher priority."


def _estimate(job: Job, now: datetime, opens: datetime | None) -> str:
    if job.starts is None and opens is not None and opens > now:
        return f"Its reservation begins at {opens:%Y-%m-%d %H:%M} UTC."
    if job.starts is None or job.starts <= now:
        return ""
    return f"Slurm expects it to start at {job.starts:%Y-%m-%d %H:%M} UTC."


def printable(text: str) -> str:
    """What a job wrote, fit to be shown: no control or direction signs, and not without end."""
    lines = ("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in text.splitlines())
    return " / ".join(line.strip() for line in lines if line.strip())[-SHOWN:]
