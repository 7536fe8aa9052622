"""sacct(1): jobs that left the queue. It lags behind the controller by about a second."""

from __future__ import annotations

from datetime import datetime

from facility.models import Job
from facility.providers.slurm.squeue import Listing
from facility.providers.slurm.text import JOB_ID, Marks, decode, job_state, moment, whole, word

FIELDS = (
    "JobID", "User", "State", "Account", "QOS", "Partition", "Reservation", "NNodes", "NodeList",
    "Priority", "ExitCode", "Submit", "Start", "End", "Comment", "JobName",
)  # fmt: skip


def argv(
    command: str, marks: Marks, *, job_ids: tuple[str, ...] = (), user: str = "", since: datetime | None = None
) -> list[str]:
    """Ask for the last record of these jobs, or for all jobs of a user since a time; job steps are left out."""
    line = [command, "--allocations", "--noheader", "--parsable", f"--delimiter={marks.separator}"]
    line.append(f"--format={','.join(FIELDS)}")
    if job_ids:
        line.append(f"--jobs={','.join(job_ids)}")
    if user:
        line.append(f"--user={user}")
    if since:
        line.append(f"--starttime={since.astimezone():%Y-%m-%dT%H:%M:%S}")  # sacct reads the local time of its host
    return line


def parse(stdout: bytes, marks: Marks) -> Listing:
    """Jobs of an answer to `argv`. With --parsable every field, the last too, ends with the separator."""
    *fields, rest = stdout.split(marks.separator.encode())
    width = len(FIELDS)
    rows = [fields[i : i + width] for i in range(0, len(fields), width)]
    jobs, malformed = [], int(rest.strip() != b"")
    for row in rows:
        named = dict(zip(FIELDS, map(decode, row), strict=False))
        named["JobID"] = named["JobID"].removeprefix("\n")
        if len(row) == width and _is_job_id(named["JobID"]):
            jobs.append(_job(named))
        else:
            malformed += 1
    return Listing(tuple(jobs), malformed)


def says_no_accounting(stderr: bytes) -> bool:
    """Whether this Slurm keeps no accounting at all, as opposed to one that cannot be reached now."""
    return b"accounting storage is disabled" in stderr


def record_of(job_id: str, listing: Listing) -> Job | None:
    """The record of `job_id`; array tasks that never started share one, "1234_[0-3]"."""
    exact = [job for job in listing.jobs if job.id == job_id]
    array, task, _ = job_id.partition("_")
    shared = [job for job in listing.jobs if task and job.id.startswith(f"{array}_[")]
    return next(iter(exact + shared), None)


def _is_job_id(text: str) -> bool:
    base, bracket, _ = text.partition("_[")
    return bool(JOB_ID.fullmatch(base if bracket else text))


def _job(row: dict[str, str]) -> Job:
    state, state_word = job_state(row["State"])
    return Job(
        id=row["JobID"],
        user=row["User"],
        name=row["JobName"],
        state=state,
        state_word=state_word,
        account=word(row["Account"]),
        qos=word(row["QOS"]),
        partition=word(row["Partition"]),
        reservation=word(row["Reservation"]),
        comment=word(row["Comment"]),
        node_count=whole(row["NNodes"]) or 0,
        node_list=word(row["NodeList"]),
        priority=whole(row["Priority"]) or 0,
        exit_code=row["ExitCode"] if state.is_final else "",
        submitted=moment(row["Submit"]),
        starts=moment(row["Start"]),
        ends=moment(row["End"]),
    )
