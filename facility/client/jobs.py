"""Verbs about jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

import httpx

from facility.answers import Work
from facility.bearer import TokenSource
from facility.client.asking import about, read_json
from facility.client.work import WorkVerbs
from facility.errors import SubmitRefused, Unreadable
from facility.exchange import Patience, Question
from facility.models import Estimate, Job, JobRequest, JobSnapshot
from facility.sse import Event
from facility.wire import decode, encode

WITHOUT_WEIGHT = {"image", "mail_at_start"}
"""What of a request does not move its start."""

CONFIRMED = 120.0
"""Seconds in which a scheduler that answers has confirmed a job."""


@dataclass(frozen=True)
class JobScript:
    """What to run. What is left empty is as the script's own #SBATCH lines, or Slurm's defaults, have it."""

    script: str = ""  # the text, beginning with "#!"; else name its `path`
    path: str = ""  # of a script at the facility, absolute or below ~/
    arguments: tuple[str, ...] = ()  # the script's $1, $2 …
    account: str = ""
    qos: str = ""
    partition: str = ""
    reservation: str = ""
    walltime: timedelta | None = None
    nodes: int | None = None
    constraint: str = ""
    cpus_per_task: int | None = None
    memory_mb: int | None = None  # per node
    gpus_per_node: int | None = None
    name: str = ""
    comment: str = ""
    directory: str = ""  # where it runs; absolute
    output: str = ""  # where it prints, as --output of sbatch(1) has it

    def body(self) -> dict[str, object]:
        """What POST /jobs takes."""
        told = {field.name: encode(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in told.items() if value not in ("", None, [])}


class JobVerbs(WorkVerbs):
    """jobs: what the one poller sees, and acting on one's own."""

    def __init__(
        self,
        base_url: str,
        token: TokenSource,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        find_identity: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        super().__init__(base_url, token, patience, transport, find_identity)
        self._snapshots: dict[str, tuple[str, JobSnapshot]] = {}

    async def jobs(self, user: str = "") -> JobSnapshot:
        """The jobs of `user`; with a hub's token and no user, everybody's. An unchanged answer is not sent again."""
        tag, known = self._snapshots.get(user, ("", None))
        headers = {"If-None-Match": tag} if tag else {}
        reply = await self._ask(Question("GET", "/jobs", about(user), headers=headers))
        if reply.status_code == httpx.codes.NOT_MODIFIED and known:
            return replace(known, taken=datetime.fromisoformat(reply.headers["Beamside-Taken"]))
        snapshot = decode(JobSnapshot, read_json(reply))
        self._snapshots[user] = (reply.headers.get("ETag", ""), snapshot)
        return snapshot

    async def job(self, job_id: str) -> Job:
        """One job, asked of the scheduler where the snapshot lacks it. Raises NotFound for an unknown id."""
        return decode(Job, await self._json("GET", f"/jobs/{job_id}"))

    async def log_path(self, job_id: str) -> str:
        """Where a job of one's own prints to, for `read`; empty where nowhere.

        Raises NotFound where the scheduler has forgotten the job: it remembers for some minutes after its end.
        """
        found = await self._json("GET", f"/jobs/{job_id}/log")
        return str(found.get("path", "")) if isinstance(found, dict) else ""

    async def submit(self, new: JobScript, key: str = "", seconds: float = CONFIRMED) -> str:
        """Submit a script of one's own; the job's id, as soon as the scheduler has confirmed it.

        The same `key` again is the same job. Raises SubmitRefused with the scheduler's words, and Unreachable where
        it has not confirmed within `seconds`; the service goes on to try, so never just submit again without the key.
        """
        work = await self.wait_work(await self.start_submit(new, key), seconds)
        job_id = work.result.get("jobid")
        if isinstance(job_id, str) and job_id:
            return job_id
        if work.error:
            raise SubmitRefused(work.error)
        raise Unreadable(f"submission {work.id} ended as {work.state}, without a job")

    async def start_submit(self, new: JobScript, key: str = "") -> Work:
        """Ask for a job; its result will hold the `jobid`."""
        return decode(Work, await self._start("/jobs", new.body(), key))

    async def estimate(self, request: JobRequest, user: str = "") -> Estimate:
        """When `request` would start if the token's owner, or with a hub's token `user`, submitted it now.

        What the scheduler refuses is an answer too, in its words. Raises Busy where too much is asked, and Unreachable.
        """
        names = [field.name for field in fields(request) if field.name not in WITHOUT_WEIGHT]
        told = {name: encode(getattr(request, name)) for name in names}
        query = {name: str(value) for name, value in told.items() if value not in ("", None, 0)}
        return decode(Estimate, await self._facts("/jobs/estimate", about(user) | query))

    async def cancel(self, job_id: str) -> None:
        """End a job of the token's owner; one that has ended is no error."""
        await self._json("DELETE", f"/jobs/{job_id}")

    async def hold(self, job_id: str) -> None:
        """Let a waiting job of one's own wait until it is released. Raises Refused with the scheduler's words."""
        await self._json("POST", f"/jobs/{job_id}/hold")

    async def release(self, job_id: str) -> None:
        """Undo `hold`. Raises Refused with the scheduler's words."""
        await self._json("POST", f"/jobs/{job_id}/release")

    async def hint(self, job_id: str) -> None:
        """Tell that something happened to a job, so that the service looks at it now."""
        await self._json("POST", "/jobs/hints", body={"job_id": job_id})

    @asynccontextmanager
    async def events(self, user: str = "", last_id: str = "") -> AsyncIterator[AsyncIterator[Event]]:
        """The stream of job events, from `last_id` on where the service still knows it."""
        async with self._events("/jobs/events", about(user), last_id) as events:
            yield events
