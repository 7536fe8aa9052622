"""squeue, on recorded real output and on what people may write into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.models import Job, JobState
from facility.profile import System
from facility.providers.slurm import Slurm, squeue
from facility.providers.slurm.provider import slurm_environment
from facility.providers.slurm.run import DirectRunner
from facility.providers.slurm.text import Marks, task_ids

HOSTILE = "squeue-22.05.8-hostile-names.bin"


@pytest.fixture
def jobs(recorded: Callable[[str], bytes], marks: Marks) -> dict[str, Job]:
    """The recorded queue by job id."""
    listing = squeue.parse(recorded(HOSTILE), marks)
    assert listing.malformed == 0
    return {job.id: job for job in listing.jobs}


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("25", "new\nline"),
        ("26", "esc\x1b[31mred\x1b[0m\x07"),
        ("27", "a|b,c;d\x1e\x1fe=f g"),
        ("28", "<script>alert(1)</script>"),
        ("29", r"bad \xff\xfe utf8"),
        ("30", "bidi \u202eevil\u202c µ"),
        ("31", "forged 1\x1f42\x1froot\nrow\n1001sffff 99\n"),
    ],
)
def test_a_hostile_name_stays_in_its_own_job(jobs: dict[str, Job], job_id: str, name: str) -> None:
    """Newlines, escape sequences, separators and bytes that are no UTF-8 are shown as they are, and forge no row."""
    assert (name, JobState.PENDING, "dana") == (jobs[job_id].name, jobs[job_id].state, jobs[job_id].user)


def test_a_running_job_tells_its_nodes_and_times(jobs: dict[str, Job]) -> None:
    """Everything a list of jobs shows comes from one row."""
    job = jobs["33"]

    assert (JobState.RUNNING, 2, "nid[007-008]", "nid007") == (job.state, job.node_count, job.node_list, job.batch_host)
    assert (job.ends - job.starts).total_seconds() == 600
    assert job.submitted == datetime.fromtimestamp(1795360329, UTC)


def test_a_waiting_job_has_a_reason_and_no_end(jobs: dict[str, Job]) -> None:
    """A waiting job's end would be a guess upon a guess, so there is none."""
    assert ("BeginTime", None, "") == (jobs["34"].reason, jobs["34"].ends, jobs["34"].batch_host)


def test_array_tasks_come_one_by_one(jobs: dict[str, Job]) -> None:
    """An array that waits is told task by task."""
    assert {"32_0", "32_1", "32_2"} <= set(jobs)


def test_a_cut_answer_is_counted(recorded: Callable[[str], bytes], marks: Marks) -> None:
    """An answer that ends in the middle of a row gives the whole rows, and says that something is missing."""
    whole = recorded(HOSTILE)

    listing = squeue.parse(whole[: len(whole) // 2], marks)

    assert listing.malformed == 1
    assert 0 < len(listing.jobs) < 12


@pytest.mark.parametrize("answer", [b"\x00\xff\xfe" * 50, b"slurm_load_jobs: something else\n", b"7 lab RUNNING\n"])
def test_garbage_is_no_job(answer: bytes, marks: Marks) -> None:
    """What was not asked for is counted, and nothing is made of it."""
    listing = squeue.parse(answer, marks)

    assert ((), 1) == (listing.jobs, listing.malformed)


def test_a_row_with_another_calls_marks_is_dropped(recorded: Callable[[str], bytes]) -> None:
    """Marks that were seen in an earlier call forge nothing in this one."""
    assert () == squeue.parse(recorded(HOSTILE), Marks.fresh()).jobs


def rows(marks: Marks, *ids_and_reasons: tuple[str, str]) -> bytes:
    """squeue's answer for jobs of one person that differ in id and reason alone."""
    facts = {"UserName": "ana", "State": "PENDING", "NumNodes": "1"}
    told = [{**facts, "JobArrayID": job_id, "Reason": reason} for job_id, reason in ids_and_reasons]
    fields = [marks.separator.join(row.get(name, "") for name in squeue.FIELDS) for row in told]
    return "".join(f"1001{marks.start}{row}{marks.end}\n" for row in fields).encode()


def test_jobs_that_are_as_they_were_are_the_same_records() -> None:
    """A second answer makes nothing anew but what is different, also within an array."""
    reader, first, second = squeue.Reader(), Marks.fresh(), Marks.fresh()
    before = {job.id: job for job in reader.read(rows(first, ("7_[1-3]", "Priority"), ("8", "Priority")), first).jobs}

    after = reader.read(rows(second, ("7_[2-3]", "Priority"), ("7_1", "None"), ("8", "Resources")), second).jobs

    assert ["7_2", "7_3", "7_1", "8"] == [job.id for job in after]
    assert ["7_2", "7_3"] == [job.id for job in after if job is before[job.id]]
    assert ["", "Resources"] == [job.reason for job in after[2:]]


def test_what_was_read_before_adds_nothing_to_an_answer() -> None:
    """A job that an answer lacks is not told from memory."""
    reader, first, second = squeue.Reader(), Marks.fresh(), Marks.fresh()
    reader.read(rows(first, ("7_[1-3]", "Priority")), first)

    assert ["7_3"] == [job.id for job in reader.read(rows(second, ("7_[3]", "Priority")), second).jobs]


def test_marks_are_new_each_time() -> None:
    """No two calls share their marks."""
    assert 300 == len({word for _ in range(100) for word in vars(Marks.fresh()).values()})


def test_an_unknown_state_is_kept_with_its_word(recorded: Callable[[str], bytes], marks: Marks) -> None:
    """A state of a later Slurm is UNKNOWN, with Slurm's word beside it."""
    answer = recorded(HOSTILE).replace(b"RUNNING", b"TELEPORTING")

    job = next(job for job in squeue.parse(answer, marks).jobs if job.id == "33")

    assert (JobState.UNKNOWN, "TELEPORTING") == (job.state, job.state_word)


def test_one_job_is_asked_for_by_its_id(marks: Marks) -> None:
    """The question about one job names it, and asks for ended ones too."""
    line = squeue.argv("/opt/squeue", marks, job_id="42")

    assert ("/opt/squeue", True, True) == (line[0], "--jobs=42" in line, "--states=all" in line)


@pytest.mark.parametrize(("raw", "told"), [(b"256", "1:0"), (b"15", "0:15"), (b"3:0", "3:0")])
def test_an_exit_code_reads_as_sacct_tells_it(
    recorded: Callable[[str], bytes], marks: Marks, raw: bytes, told: str
) -> None:
    """squeue's raw status and the later "status:signal" are told alike."""
    row = b"1001s|9f|danaf|FAILEDf|ncemf|regularf|mainf|f|1f|nid001f|nid001f|1f|0f|" + raw
    row += b"f|1f|2f|3f|Nonef|f|xe|\n"
    marks_ = Marks("s|", "f|", "e|")

    assert told == squeue.parse(row, marks_).jobs[0].exit_code


@pytest.mark.parametrize(
    ("told", "ids"),
    [
        ("7_[1]", ["7_1"]),
        ("7_[1-3,9]", ["7_1", "7_2", "7_3", "7_9"]),
        ("7_[0-8:4%2]", ["7_0", "7_4", "7_8"]),
        ("7_[3-1]", []),
        ("7_1", None),
        ("7_[1-3", None),
        ("7_[1-...]", None),
        ("7_[0-9999999]", None),
        ("7_[1-2-3]", None),
        ("7_[1:0]", None),
    ],
)
def test_waiting_tasks_in_one_row_are_told_apart(told: str, ids: list[str] | None) -> None:
    """Ranges, steps and a limit of tasks at a time; what is shortened, absurd or odd is nothing."""
    assert ids == task_ids(told)


@pytest.mark.slurm
async def test_a_real_array_has_all_its_tasks(slurm: SlurmCluster) -> None:
    """Waiting tasks that squeue tells in one row are jobs of their own; each can be asked for by itself."""
    options = ("--parsable", "--hold", "-A", "ncem", "--output=/dev/null", "--chdir=/tmp", "--array=1-900:3%2")
    array = slurm.run("sbatch", *options, user=slurm.people.ana, words="#!/bin/sh\ntrue\n").strip()
    system = System(title="t", slurm_conf=str(slurm.conf))
    asked = Slurm(system, DirectRunner(slurm_environment(system) | {"PATH": slurm.environment["PATH"]}))
    try:
        listing = await asked.listing()
        one = await asked.job(f"{array}_4")
    finally:
        slurm.run("scancel", array)
    tasks = {job.id for job in listing.jobs if job.id.startswith(f"{array}_")}

    assert ({f"{array}_{task}" for task in range(1, 901, 3)}, 0) == (tasks, listing.malformed)
    assert (f"{array}_4", JobState.PENDING) == (one and one.id, one and one.state)
