"""What is told about a job, and which records are forgotten; a scheduler that answers as it is told."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from dask_hpc.errors import ClusterEnded
from dask_hpc.jobs.follow import wait_over, wait_running
from dask_hpc.jobs.on_slurm import job_environment, job_script
from dask_hpc.jobs.registry import clusters, life_of
from dask_hpc.record.folder import LOG, reserve
from facility.clusters import ClusterRecord, remove_record, write_record
from facility.errors import Unreachable
from facility.models import Job, JobState, Life
from facility.profile import System

RECORD = ClusterRecord("tonight", 0.0, "ncem", "realtime", "", 1, 1, job_ids=("41",))


class Answers:
    """A scheduler whose answer about any job is chosen; the parsers of the real one are tested elsewhere."""

    def __init__(self, answer: Job | Exception | None) -> None:
        self.answer = answer

    async def job(self, job_id: str) -> Job | None:
        """The chosen answer."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def job(state: JobState, **more: object) -> Job:
    """Job 41 in a state."""
    return Job(id="41", user="ana", name="dask-tonight", state=state, state_word=state.value, **more)  # type: ignore[arg-type]  # keywords of Job


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        (job(JobState.RUNNING), Life.ALIVE),
        (job(JobState.UNKNOWN), Life.ALIVE),
        (job(JobState.TIMEOUT), Life.GONE),
        (None, Life.GONE),
        (Unreachable("no answer"), Life.UNKNOWN),
    ],
)
async def test_a_cluster_is_as_alive_as_its_job(answer: Job | Exception | None, life: Life) -> None:
    """No answer is an answer of its own."""
    assert await life_of(RECORD, Answers(answer)) is life  # type: ignore[arg-type]  # the one method it uses


@pytest.mark.parametrize(("age", "life"), [(10.0, Life.ALIVE), (1000.0, Life.GONE)])
async def test_a_record_without_a_job_lives_as_long_as_sbatch_may_take(age: float, life: Life) -> None:
    """A maker that died before sbatch answered does not hold its name for ever."""
    record = ClusterRecord("tonight", time.time() - age, "", "", "", 1, 1)

    assert await life_of(record, Answers(None)) is life  # type: ignore[arg-type]  # never asked


async def test_listing_forgets_what_is_gone_and_keeps_what_nobody_knows() -> None:
    """A scheduler that does not answer makes no record disappear."""
    write_record(RECORD)

    unknown = await clusters(Answers(Unreachable("no answer")))  # type: ignore[arg-type]  # the one method it uses
    gone = await clusters(Answers(None))  # type: ignore[arg-type]  # the one method it uses

    assert (unknown, gone) == ([RECORD], [])


async def test_a_failed_start_is_told_with_the_end_of_its_log() -> None:
    """Whoever waits gets the reason and the words of the job."""
    (reserve("tonight") / LOG).write_text("srun: error: words\n", encoding="utf-8")
    write_record(replace(RECORD, state="failed", reason="all ranks ended"))

    with pytest.raises(ClusterEnded, match="has ended: all ranks ended\nsrun: error: words"):
        await wait_running("tonight", Answers(None), print)  # type: ignore[arg-type]  # never asked


async def test_a_cluster_closed_meanwhile_is_told_as_closed() -> None:
    """A record that goes away means that somebody closed the cluster."""
    write_record(RECORD)
    remove_record("tonight")

    assert "it was closed" in str(await wait_over(RECORD, 1.0, Answers(None)))  # type: ignore[arg-type]  # never asked


def test_the_script_holds_the_operators_text_and_quoted_facts() -> None:
    """Prologue lines come first; the agent replaces the shell."""
    script = job_script(System(title="Demo", mpi_prologue=("module load mpich",)), "tonight", 3).decode().splitlines()

    assert script[:2] == ["#!/bin/bash", "module load mpich"]
    assert script[2].endswith(" -P -m dask_hpc.block.job tonight 3")


def test_only_named_variables_reach_the_job() -> None:
    """What is not on the list, or named by the user, stays in the notebook."""
    here = {"PATH": "/bin", "JUPYTERHUB_API_TOKEN": "made up", "SCRATCH": "/scratch"}

    assert job_environment(here, ["SCRATCH", "ABSENT"]) == {"PATH": "/bin", "SCRATCH": "/scratch"}
