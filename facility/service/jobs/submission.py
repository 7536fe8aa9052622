"""Jobs in people's names: submitted as durable operations, found again by nonce, cancelled and held as their owner.

Every view of submission (our own, the Superfacility API's, IRI's) hands a `Script` to the one `Submission`.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Protocol

from facility.callbacks import Subscription
from facility.errors import OptionError, Refused, Unreachable
from facility.providers.slurm import Slurm
from facility.providers.slurm.directives import own_option
from facility.service.as_user.files import Files
from facility.service.caller import Caller, Mandate
from facility.service.clock import Clock
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, Progress, soon

log = logging.getLogger(__name__)

SUBMIT, CANCEL = "submit", "cancel"
SERVICES = ("jobs", "sfapi", "iri")
"""The microservices by which jobs are submitted and changed."""

LARGEST_SCRIPT = 512 * 1024
"""Bytes of a batch script."""

MOST_ARGUMENTS = 1000
ACCOUNTING_LAG = timedelta(seconds=15)
"""After so long accounting has heard of a job that the controller took, unless it is down, which it then says."""

DELEGATED = 24 * 3600.0
"""Seconds for which a submission that meets a scheduler that is down may act for the person."""

VERBS = {SUBMIT: frozenset({"sbatch", "scancel"}), CANCEL: frozenset({"scancel"})}


@dataclass(frozen=True)
class Script:
    """What a person wants to run: a file of theirs, or a text; both begin with "#!"."""

    path: str = ""  # absolute, or below "~/"; empty: `text` is the script
    text: str = ""
    arguments: tuple[str, ...] = ()  # the script's $1, $2 …
    options: tuple[str, ...] = ()  # of sbatch, e.g. "--time=10"; they override the script's own


@dataclass(frozen=True)
class JobCallback:
    """Where a person wants to be told of the end of a job: at a URL, or by e-mail to their own account."""

    url: str = ""
    email: str = ""
    timeout: float = 0.0  # seconds after which it is told how the job is, if it has not ended by then; 0: none


class JobCallbacks(Protocol):
    """What is asked of callbacks (`facility.service.callbacks.service`)."""

    async def check(self, owner: str, *, url: str = "", email: str = "") -> None:
        """Raises OptionError for what nobody can be told at."""
        ...

    async def for_job(
        self, owner: str, job_id: str, *, url: str = "", email: str = "", timeout: float = 0.0
    ) -> Subscription:
        """Tell of one job."""
        ...


class Submission:
    """Submits, cancels and holds, always as the person of a mandate."""

    def __init__(
        self,
        operations: Operations,
        slurm_for: Callable[[Mandate], Slurm],
        files_for: Callable[[Mandate], Files],
        delegated: Delegated,
        callbacks: JobCallbacks,
        hint: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._slurm_for = slurm_for
        self._files_for = files_for
        self._delegated = delegated
        self._callbacks = callbacks
        self._hint = hint
        self._clock = clock
        operations.handle(SUBMIT, delegated.ending(self._submit), of=SERVICES, backoff=soon)
        operations.handle(CANCEL, delegated.ending(self._cancel), of=SERVICES, backoff=soon)

    async def submit(
        self,
        caller: Caller,
        script: Script,
        *,
        key: str = "",
        callback: JobCallback | None = None,
        more: dict[str, Any] | None = None,
    ) -> Operation:
        """Store a submission; its result will hold the `jobid`. The same `key` again is the same submission.

        The script is read now, as the person: what is submitted is what the file held when this was asked for. `more`
        is kept with the operation. Raises what `Files.read` raises, Refused for a script that is none, KeyReused, and
        OptionError for a callback that cannot be.
        """
        if len(script.arguments) > MOST_ARGUMENTS or any("\0" in word for word in script.arguments):
            raise Refused(f"a script takes {MOST_ARGUMENTS} arguments at most, and no zero bytes in them")
        raw = await self._read(caller.mandate, script.path) if script.path else script.text.encode()
        if not raw.startswith(b"#!") or len(raw) > LARGEST_SCRIPT:
            raise Refused(
                f"{script.path or 'the script'} must begin with #! and be no longer than {LARGEST_SCRIPT} bytes"
            )
        if callback:
            await self._callbacks.check(caller.user, url=callback.url, email=callback.email)
        payload = {
            "callback": asdict(callback) if callback else None,
            "script": base64.b64encode(raw).decode(),
            "arguments": list(script.arguments),
            "options": [*_own_words(raw, script.path), *script.options],
            "asked_for": more or {},
        }
        return await self._delegated.add(caller, SUBMIT, payload, VERBS[SUBMIT], DELEGATED, key)

    async def cancel(self, caller: Caller, job_id: str) -> Operation:
        """End a job of the person's, again and again until the scheduler has heard it."""
        return await self._delegated.add(caller, CANCEL, {"jobid": job_id}, VERBS[CANCEL], DELEGATED)

    async def hold(self, mandate: Mandate, job_id: str) -> None:
        """Let a waiting job of the person's wait until it is released. Raises Refused with Slurm's words."""
        await self._slurm_for(mandate).hold(job_id, user=mandate.user)
        self._hint(job_id)

    async def release(self, mandate: Mandate, job_id: str) -> None:
        """Undo `hold`. Raises Refused with Slurm's words."""
        await self._slurm_for(mandate).release(job_id, user=mandate.user)
        self._hint(job_id)

    async def _submit(self, operation: Operation, progress: Progress) -> dict[str, Any]:
        """One attempt: a job that an earlier one left is taken, and only where there surely is none another is made."""
        mandate = Mandate(operation.owner, delegation=operation.delegation)
        slurm, nonce = self._slurm_for(mandate), nonce_of(operation)
        if operation.result.get("jobid"):
            return await self._told(operation, operation.result)
        if asked := operation.result.get("asked"):
            job_id = await self._held(slurm, operation, nonce, datetime.fromisoformat(asked))
            if job_id:
                return await self._told(operation, {"asked": asked, "jobid": job_id})
        asked = self._clock.now().isoformat()
        await progress({"asked": asked})  # before sbatch, so that whoever comes next knows that there may be a job
        payload = operation.payload
        script = base64.b64decode(payload["script"])
        options = [f"--comment={nonce}", *payload["options"]]
        job_id = await slurm.submit_script(script, payload["arguments"], options, user=operation.owner)
        self._hint(job_id)
        log.info("job %s submitted for %s (operation %s)", job_id, operation.owner, operation.id)
        await progress({"asked": asked, "jobid": job_id})
        return await self._told(operation, {"asked": asked, "jobid": job_id})

    async def _told(self, operation: Operation, result: dict[str, Any]) -> dict[str, Any]:
        """The result, once it is seen to that the person will be told of the job's end."""
        wanted = operation.payload.get("callback")
        if not wanted:
            return result
        try:
            made = await self._callbacks.for_job(operation.owner, result["jobid"], **wanted)
        except (OptionError, Refused) as error:
            return result | {"callback_error": str(error)}  # the job is there, and is not taken back for that
        return result | {"callback_id": made.id}

    async def _held(self, slurm: Slurm, operation: Operation, nonce: str, asked: datetime) -> str:
        """The job that an attempt at `asked` left, or "" where there surely is none; of two the older one stays."""
        queued = await slurm.queue_rows(user=operation.owner)
        recorded = await slurm.record_rows(user=operation.owner, since=operation.created - timedelta(minutes=5))
        words = ("comment", "submitline")
        carriers = [row for row in (*queued, *recorded) if any(nonce in row.get(word, "") for word in words)]
        found = sorted({row["jobid"].partition("_")[0] for row in carriers}, key=int)
        if not found and self._clock.now() - asked < ACCOUNTING_LAG:
            raise Unreachable("the scheduler did not confirm the job; it is looked for until it can be told")
        for surplus in found[1:]:
            log.warning("job %s is a second one of operation %s and is cancelled", surplus, operation.id)
            await slurm.cancel(surplus, user=operation.owner)
        return found[0] if found else ""

    async def _cancel(self, operation: Operation, _: Progress) -> dict[str, Any]:
        mandate = Mandate(operation.owner, delegation=operation.delegation)
        job_id = operation.payload["jobid"]
        await self._slurm_for(mandate).cancel(job_id, user=operation.owner)
        self._hint(job_id)
        return {"jobid": job_id}

    async def _read(self, mandate: Mandate, path: str) -> bytes:
        return b"".join([piece async for piece in self._files_for(mandate).read(path, limit=LARGEST_SCRIPT + 1)])


def nonce_of(operation: Operation) -> str:
    """What marks the job of an operation, in its comment and in the line that accounting keeps. No secret."""
    return f"bs-{operation.id}"


def _own_words(script: bytes, path: str) -> list[str]:
    """Options that keep what a plain sbatch of the file would have given the job: its comment and its name."""
    options = []
    comment = own_option(script, "comment")
    if comment is not None:
        # the last --comment counts, so the job keeps its own; ours stays in the line that accounting keeps
        options.append(f"--comment={comment}")
    if path and own_option(script, "job-name") is None:
        options.append(f"--job-name={PurePosixPath(path).name}")
    if not all(option.isprintable() for option in options):
        raise Refused(f"the comment or the name of {path or 'the script'} holds a control character")
    return options
