"""The agent of one block: starts and ends the steps of its batch job as the cluster's scheduler asks.

What the scheduler says: `start` an epoch, of all ranks, of all `beside` those that run, or of one; `keep` some epochs
and end the others; `stop` the ranks and keep the job; `end` the block.
What the agent says: its `block` and `job`, then each step that `ended`, `stopped`, that the job is `leaving` soon, and
that Slurm has `told` it to end.
"""

from __future__ import annotations

from dask_hpc.block.link import Link, open_link
from dask_hpc.block.steps import Steps
from dask_hpc.record.folder import Spec, folder_of

_FIRST_EPOCH = 0  # `dask_hpc.scheduling.table` counts from it
_LEFT_SECONDS = 1.0


class Agent:
    """One batch job's steps. What it has to say before there is a scheduler is kept for that."""

    def __init__(self, spec: Spec, block: int, job_id: str) -> None:
        self.spec, self.block, self.job_id = spec, block, job_id
        self._link: Link | None = None
        self._untold: list[dict[str, object]] = []
        self._steps = Steps(spec, block, job_id, self._tell)
        self._has_begun = False

    def _tell(self, **facts: object) -> None:
        if self._link is None:
            self._untold.append(facts)
        else:
            self._link.send(**facts)

    def leave_soon(self) -> None:
        """Tell the scheduler that the job will end before long, whatever anybody wishes."""
        self._tell(leaving="Slurm announced the end of its job")

    def told_to_end(self) -> None:
        """Tell the scheduler that the job is over, so that it lets the ranks go."""
        self._tell(told=True)
        self.job_is_over()

    def job_is_over(self) -> None:
        """Have the nodes tidied up before Slurm kills what runs there."""
        self._steps.job_is_over()

    async def begin(self) -> None:
        """Start the first step before the scheduler asks for it: its ranks and the scheduler come up side by side."""
        self._has_begun = True
        await self._steps.start(_FIRST_EPOCH)

    async def close(self) -> None:
        """End the ranks, and whatever else of the block is on the nodes."""
        await self._steps.close(self.spec.close_timeout)

    async def serve(self, address: str) -> str:
        """Do what the scheduler at `address` asks until it ends the block, and return why it did.

        Empty where the scheduler has gone without a word. The job's ranks are over then, also on cancelling.
        Raises OSError where no scheduler answers.
        """
        try:
            link = self._link = await self._reach(address)
            return await self._obey(link, self._steps)
        finally:
            await self.close()
            if self._link is not None:
                self._link.close()

    async def _reach(self, address: str) -> Link:
        link = await open_link(folder_of(self.spec.name), address)
        link.send(block=self.block, job=self.job_id)
        for facts in self._untold:
            link.send(**facts)
        return link

    async def _obey(self, link: Link, steps: Steps) -> str:
        while (word := await link.receive()) is not None:
            match word:
                case {"start": epoch} if epoch == _FIRST_EPOCH and self._has_begun:
                    pass  # its ranks are on their way
                case {"start": int(epoch), "rank": int(rank), "node": str(node), "instead": int(process)}:
                    await steps.start(epoch, rank, node, instead=process)
                case {"start": int(epoch), "beside": True}:
                    await steps.start(epoch, beside=True)
                case {"keep": list(epochs)}:
                    await steps.end(_LEFT_SECONDS, keep=epochs)
                case {"start": int(epoch)}:
                    await steps.end(_LEFT_SECONDS)  # what hangs of earlier ones would keep the cores
                    await steps.start(epoch)
                case {"stop": _}:
                    await steps.end(self.spec.close_timeout)
                    link.send(stopped=True)
                case {"end": str(reason)}:
                    return reason
        return ""
