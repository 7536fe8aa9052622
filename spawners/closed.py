"""The stock Slurm spawner with its own paths closed: no shell, no state of its own, no command as text."""

from __future__ import annotations

from typing import Any, NoReturn

from batchspawner.batchspawner import SlurmSpawner

from facility.errors import FacilityError
from spawners.untyped import Untyped


class ClosedSlurmSpawner(SlurmSpawner):  # type: ignore[misc]  # batchspawner ships no types
    """What is left of the stock spawner: its `req_*` and `batch_script`, so that a site migrates by one line."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing: the store of intents counts; JupyterHub's copy may be missing, or of another version."""
        super().load_state({})

    async def run_command(self, cmd: str, input: str | None = None, env: Untyped = None) -> NoReturn:
        """No command of this spawner is shell text."""
        raise FacilityError("FacilitySpawner runs no shell; commands are argument lists in facility.toml")

    async def submit_batch_script(self) -> NoReturn:
        """See spawners.start.submit."""
        await self.run_command("")

    async def query_job_status(self) -> NoReturn:
        """See spawners.start.life."""
        await self.run_command("")

    async def cancel_batch_job(self) -> NoReturn:
        """See spawners.start.submit."""
        await self.run_command("")
