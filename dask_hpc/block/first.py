"""The first block of a cluster: it holds the scheduler's process, and beside it the agent of its own ranks.

Where the scheduler is placed outside of the jobs, the first block is a process of that machine and has no ranks.
From the moment the record names this job, this process alone writes the record; it removes it as its last act.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dask_hpc.block.agent import Agent
from dask_hpc.block.child import KILL_SECONDS, end_process, output
from dask_hpc.record.folder import Spec, remove_credentials
from facility.clusters import BlockRecord, ClusterRecord, read_record, write_record
from facility.errors import NotFound

log = logging.getLogger(__name__)

_SCHEDULER_SECONDS = 60.0
_RECORD_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_AGAIN_SECONDS = 5.0

TOLD_TO_END = "the job was told to end: it was cancelled, preempted, or its walltime was used up"
CLIENT_GONE = "the client in whose keeping the scheduler was has gone"
JOB_ENDS = "the job is ending"
"""The reason that a scheduler gives which the agent has told to close."""


class BlockFailed(Exception):
    """The cluster ended without having been closed; the text says why."""


class FirstBlock:
    """The batch job, or the process, that is a cluster as long as it lives."""

    def __init__(self, spec: Spec, record: ClusterRecord) -> None:
        self.spec = spec
        self.record = record
        self._again: asyncio.TimerHandle | None = None
        self.told_to_end = asyncio.Event()
        self.let_go = asyncio.Event()  # whoever the cluster was to live as long as has gone
        self.agent = Agent(spec, 0, record.job_ids[0]) if spec.begins_with_ranks else None

    async def run(self) -> str:
        """Run the cluster to its end and return why it was closed.

        Raises BlockFailed when it ended without having been closed.
        """
        scheduler = await self._begin()
        word = asyncio.create_task(self._last_word(scheduler))
        ends = [asyncio.create_task(event.wait()) for event in (self.told_to_end, self.let_go)]
        ranks = [asyncio.create_task(self.agent.serve(self.record.agents_address))] if self.agent else []
        try:
            await asyncio.wait({word, *ends, *ranks}, return_when=asyncio.FIRST_COMPLETED)
            if self.told_to_end.is_set():
                self.fail(TOLD_TO_END)  # at once: Slurm kills after KillWait, wherever we are then
                if self.agent is not None:
                    self.agent.job_is_over()
            _close_input(scheduler)
            await asyncio.wait({word}, timeout=self.spec.close_timeout + _CLOSE_SECONDS)
            if not word.done():
                raise BlockFailed("the scheduler process did not end")
            return self._judge(word.result())
        finally:
            for end in ends:
                end.cancel()
            await end_process(scheduler, KILL_SECONDS)
            await asyncio.wait({word, *ranks})  # the line to the scheduler is cut, so the ranks are at their end

    @property
    def is_replaced(self) -> bool:
        """Whether another cluster has the name, which it may have as soon as this one has said that it is over."""
        try:
            return read_record(self.spec.name).created != self.record.created
        except NotFound:
            return False

    def fail(self, reason: str) -> None:
        """Leave the reason for whoever looks, and no key."""
        if self.is_replaced:
            return
        remove_credentials(self.spec.name)
        with suppress(NotFound):  # whoever cancelled the job may have removed the record
            read_record(self.spec.name)
            self._write(state="failed", reason=reason)

    def _write(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the record
        self.record = replace(self.record, version=self.record.version + 1, **changes)
        self._leave_record()

    def _leave_record(self) -> None:
        """Let everybody see the record: now, or where the disk is full as soon as it is not."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        try:
            write_record(self.record)
        except OSError as error:
            log.error("the record of cluster %s cannot be written, and is tried again: %s", self.spec.name, error)
            self._again = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._leave_record)

    def _judge(self, word: dict[str, Any]) -> str:
        """The reason why the cluster was closed, from the scheduler's last word."""
        if self.told_to_end.is_set():
            raise BlockFailed(TOLD_TO_END)
        if not word:
            raise BlockFailed("the scheduler process died")
        if self.let_go.is_set():
            return CLIENT_GONE
        if "failed" in word:
            raise BlockFailed(word["failed"])
        return str(word["closed"])

    async def _begin(self) -> Process:
        """The scheduler's process, once it answers; the first ranks, which wait for it, come up beside it."""
        if self.agent is not None and self.spec.blocks:
            await self.agent.begin()
        try:
            return await self._start_scheduler()
        except BlockFailed as failure:
            self.fail(str(failure))  # at once: the ranks look for it
            if self.agent is not None:
                await self.agent.close()
            raise

    async def _start_scheduler(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "dask_hpc.scheduling.scheduler", self.spec.name, stdin=PIPE, stdout=PIPE
        )
        with suppress(TimeoutError):
            line = await asyncio.wait_for(output(process).readline(), _SCHEDULER_SECONDS)
            if line:
                told = json.loads(line)
                self._write(
                    scheduler_address=told["address"],
                    scheduler_id=told["id"],
                    agents_address=told["agents"],
                    dashboard_socket=told.get("dashboard_socket", ""),
                    dashboard_address=told.get("dashboard_address", ""),
                    state="running",
                    reason="",
                )
                return process
        await end_process(process, KILL_SECONDS)
        raise BlockFailed("the scheduler process did not start")

    async def _last_word(self, scheduler: Process) -> dict[str, Any]:
        """Enter what the scheduler says of its blocks, and return why it closed; nothing when it died."""
        while line := await output(scheduler).readline():
            told = json.loads(line)
            if "blocks" not in told:
                await scheduler.wait()
                return dict(told)
            blocks = tuple(BlockRecord(**block) for block in told["blocks"])
            jobs = tuple(block.job_id for block in blocks if block.job_id)
            if self.record.state == "running":
                self._write(blocks=blocks, job_ids=jobs, wished=told["wished"])
        return {}


def _close_input(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()


async def take_over(name: str, job_id: str) -> ClusterRecord:
    """Wait until the maker has written this job into the record; after that only this process writes it.

    A maker that died after sbatch never does, so the wait is bounded and the job enters itself.
    """
    ends = time.monotonic() + _RECORD_SECONDS
    while True:
        record = read_record(name)
        if job_id in record.job_ids or time.monotonic() > ends:
            break
        await asyncio.sleep(0.1)
    taken = replace(
        record,
        job_ids=(job_id,),
        blocks=(BlockRecord(0, job_id, "starting"),),
        account=os.environ.get("SLURM_JOB_ACCOUNT", record.account),
        qos=os.environ.get("SLURM_JOB_QOS", record.qos),
        reservation=os.environ.get("SLURM_JOB_RESERVATION", record.reservation),
    )
    write_record(taken)
    return taken
