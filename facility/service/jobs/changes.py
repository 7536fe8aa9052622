"""Changes of people's jobs as durable operations: made once, in their owner's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facility.providers.slurm import Slurm
from facility.service.caller import Caller, Mandate
from facility.service.jobs.submission import SERVICES
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, Progress, soon

CHANGE = "change"
LASTING = 600.0
"""Seconds for which a change may be tried again; later it would surprise."""


class JobChanges:
    """Changes fields of jobs, always as the person of a mandate."""

    def __init__(
        self,
        operations: Operations,
        slurm_for: Callable[[Mandate], Slurm],
        delegated: Delegated,
        hint: Callable[[str], None],
    ) -> None:
        self._slurm_for = slurm_for
        self._delegated = delegated
        self._hint = hint
        operations.handle(CHANGE, delegated.ending(self._change), of=SERVICES, backoff=soon)

    async def add(self, caller: Caller, job_id: str, fields: dict[str, str], *, key: str = "") -> Operation:
        """Store a change: fields of scontrol(1) by name. The same `key` again is the same change."""
        payload = {"jobid": job_id, "fields": fields}
        return await self._delegated.add(caller, CHANGE, payload, frozenset({"job-control"}), LASTING, key)

    async def _change(self, operation: Operation, _: Progress) -> dict[str, Any]:
        mandate = Mandate(operation.owner, delegation=operation.delegation)
        job_id, fields = operation.payload["jobid"], operation.payload["fields"]
        await self._slurm_for(mandate).change(job_id, fields, user=operation.owner)
        self._hint(job_id)
        return {"jobid": job_id}
