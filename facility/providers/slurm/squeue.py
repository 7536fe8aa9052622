"""squeue(1): the jobs Slurm still holds, ended ones too until MinJobAge has passed.

Text with chosen fields: `--json` costs seconds at 10,000 jobs and ignores every filter (Slurm 22.05).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facility.models import Job
from facility.providers.slurm.text import JOB_ID, Marks, job_state, moment, read_rows, task_ids, whole, word

# What users may choose stands last.
FIELDS = (
    "JobArrayID", "UserName", "State", "Account", "QOS", "Partition", "Reservation", "NumNodes", "NodeList",
    "BatchHost", "PriorityLong", "RestartCnt", "exit_code", "SubmitTime", "StartTime", "EndTime",
    "Reason", "Comment", "Name",
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """Jobs of one answer; `malformed` counts what could not be read, so absence proves nothing unless it is 0."""

    jobs: tuple[Job, ...]
    malformed: int


def argv(command: str, marks: Marks, *, job_id: str = "", user: str = "") -> list[str]:
    """Ask for every job, or for one job or one user. --local spares an RPC.

    An array's waiting tasks come in one row where all jobs are asked for (100,000 rows cost squeue half a second of
    processor time), and one a row where one job is: else a question for one task would be answered with all of them.
    """
    suffixes = [marks.separator] * (len(FIELDS) - 1) + [marks.end]
    wanted = [f"UserID:0{marks.start}", *(f"{name}:0{suffix}" for name, suffix in zip(FIELDS, suffixes, strict=True))]
    line = [command, "--noheader", "--all", "--local", "--states=all", f"--Format={','.join(wanted)}"]
    return line + (["--array", f"--jobs={job_id}"] if job_id else []) + ([f"--user={user}"] if user else [])


class Reader:
    """Reads one answer about the queue after the other, and gives a job that is as it was as the same record.

    Between two looks a long queue hardly changes, and to make 100,000 records takes half a second of processor time.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], dict[str, Job]] = {}  # by all fields but the id: an array's tasks share them

    def read(self, stdout: bytes, marks: Marks) -> Listing:
        """Jobs of an answer to `argv`, an array's tasks each by itself.

        A row whose id is no job id is dropped and counted like one that is cut.
        """
        rows = read_rows(stdout, marks, len(FIELDS))
        jobs, malformed = list[Job](), rows.malformed
        read: dict[tuple[str, ...], dict[str, Job]] = {}
        for row in rows.rows:
            ids = [row[0]] if JOB_ID.fullmatch(row[0]) else task_ids(row[0])
            malformed += ids is None
            found = _records(ids or [], row[1:], self._last.get(row[1:], {}))
            read.setdefault(row[1:], {}).update(found)
            jobs.extend(found.values())
        self._last = read
        return Listing(tuple(jobs), malformed)


def parse(stdout: bytes, marks: Marks) -> Listing:
    """One answer by itself: see `Reader.read`."""
    return Reader().read(stdout, marks)


def says_unknown_id(stderr: bytes) -> bool:
    """Whether slurmctld positively said that it holds no such job, or squeue that no job can have such a number."""
    return b"Invalid job id" in stderr


def _records(ids: list[str], told: tuple[str, ...], last: dict[str, Job]) -> dict[str, Job]:
    """The jobs of one row by their ids, those of `last` where they are there."""
    if all(job_id in last for job_id in ids):
        return {job_id: last[job_id] for job_id in ids}
    facts = _facts(dict(zip(FIELDS[1:], told, strict=True)))
    return {job_id: last.get(job_id) or Job(id=job_id, **facts) for job_id in ids}


def _facts(row: dict[str, str]) -> dict[str, Any]:
    """Everything of a Job but its id."""
    state, state_word = job_state(row["State"])
    return dict(
        user=row["UserName"],
        name=row["Name"],
        state=state,
        state_word=state_word,
        reason=word(row["Reason"]),
        account=word(row["Account"]),
        qos=word(row["QOS"]),
        partition=word(row["Partition"]),
        reservation=word(row["Reservation"]),
        comment=word(row["Comment"]),
        node_count=whole(row["NumNodes"]) or 0,
        node_list=word(row["NodeList"]),
        batch_host=word(row["BatchHost"]),
        priority=whole(row["PriorityLong"]) or 0,
        restarts=whole(row["RestartCnt"]) or 0,
        exit_code=_exit_code(row["exit_code"]) if state.is_final else "",
        submitted=moment(row["SubmitTime"]),
        starts=moment(row["StartTime"]),
        ends=None if state.is_waiting else moment(row["EndTime"]),
    )


def _exit_code(text: str) -> str:
    """squeue prints wait(2)'s status (15: signal 15, 256: exit 1); sacct prints "status:signal", which we keep to."""
    status = whole(text)
    return word(text) if status is None else f"{status >> 8}:{status & 0x7F}"
