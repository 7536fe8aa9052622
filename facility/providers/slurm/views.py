"""squeue(1) and sacct(1) as rows of words by name: all that a Superfacility API shows of jobs.

The names are those of `squeue --format=%all` and of `sacct --helpformat`, in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from facility.errors import Unreadable
from facility.models import Job, JobState
from facility.providers.slurm.text import JOB_ID, Marks, decode, job_state, moment, read_rows

QUEUE = {
    "jobid": "JobArrayID", "state": "State", "st": "StateCompact", "user": "UserName", "uid": "UserID",
    "group": "GroupName", "account": "Account", "qos": "QOS", "partition": "Partition", "reservation": "Reservation",
    "reason": "Reason", "priority": "PriorityLong", "nice": "Nice", "submit_time": "SubmitTime",
    "start_time": "StartTime", "end_time": "EndTime", "time": "TimeUsed", "time_left": "TimeLeft",
    "time_limit": "TimeLimit", "nodes": "NumNodes", "cpus": "NumCPUs", "nodelist": "NodeList",
    "nodelist(reason)": "ReasonList", "exec_host": "BatchHost", "schednodes": "SchedNodes", "req_nodes": "ReqNodes",
    "min_cpus": "MinCpus", "min_memory": "MinMemory", "min_tmp_disk": "MinTmpDisk", "tres_per_node": "tres-per-node",
    "features": "Feature", "licenses": "Licenses", "core_spec": "CoreSpec", "contiguous": "Contiguous",
    "over_subscribe": "OverSubscribe", "s:c:t": "SCT", "sockets_per_node": "Sockets", "cores_per_socket": "Cores",
    "threads_per_core": "Threads", "dependency": "Dependency", "array_job_id": "ArrayJobID",
    "array_task_id": "ArrayTaskID", "wckey": "WCKey", "work_dir": "WorkDir", "command": "Command",
    "comment": "Comment", "name": "Name",
}  # fmt: skip
"""Name -> the field of `squeue -O`; what users may choose stands last."""

RECORDS = (
    "JobID", "JobIDRaw", "State", "User", "UID", "Group", "GID", "Account", "AssocID", "QOS", "QOSRAW", "Partition",
    "Cluster", "Reservation", "ReservationId", "Reason", "Priority", "Submit", "Eligible", "Start", "End", "Elapsed",
    "ElapsedRaw", "Suspended", "Timelimit", "TimelimitRaw", "NNodes", "AllocNodes", "NCPUS", "AllocCPUS", "AllocTRES",
    "NodeList", "ReqNodes", "ReqCPUS", "ReqMem", "ReqTRES", "Constraints", "CPUTime", "CPUTimeRAW", "TotalCPU",
    "UserCPU", "SystemCPU", "ExitCode", "DerivedExitCode", "Flags", "DBIndex", "WCKey", "WCKeyID", "AdminComment",
    "SystemComment", "WorkDir", "SubmitLine", "Comment", "JobName",
)  # fmt: skip
"""The fields of `sacct`; all of them are there from Slurm 22.05 on."""

TIMES = frozenset({"submit_time", "start_time", "end_time", "submit", "eligible", "start", "end"})

# Programs wait for the six final words they know. The others end a job just as well, and say so in `slurm_state`.
AS_KNOWN = {
    JobState.NODE_FAIL: JobState.FAILED,
    JobState.BOOT_FAIL: JobState.FAILED,
    JobState.LAUNCH_FAILED: JobState.FAILED,
    JobState.RECONFIG_FAIL: JobState.FAILED,
    JobState.DEADLINE: JobState.TIMEOUT,
    JobState.REVOKED: JobState.CANCELLED,
}

Row = dict[str, str]


def queue_argv(
    command: str, marks: Marks, *, job_ids: Sequence[str] = (), user: str = "", partition: str = "", account: str = ""
) -> list[str]:
    """Ask for jobs that the scheduler still holds, ended ones too; each filter narrows the answer."""
    suffixes = [marks.separator] * (len(QUEUE) - 1) + [marks.end]
    fields = zip(QUEUE.values(), suffixes, strict=True)
    wanted = [f"UserID:0{marks.start}", *(f"{name}:0{suffix}" for name, suffix in fields)]
    line = [command, "--noheader", "--array", "--all", "--local", "--states=all", f"--Format={','.join(wanted)}"]
    chosen = {"jobs": ",".join(job_ids), "user": user, "partition": partition, "account": account}
    return line + [f"--{option}={value}" for option, value in chosen.items() if value]


def parse_queue(stdout: bytes, marks: Marks) -> list[Row]:
    """The rows of an answer to `queue_argv`; one that cannot be read is left out, as it is no job's."""
    found = read_rows(stdout, marks, len(QUEUE)).rows
    return [_told(dict(zip(QUEUE, row, strict=True))) for row in found if JOB_ID.fullmatch(row[0])]


def records_argv(
    command: str,
    marks: Marks,
    *,
    job_ids: Sequence[str] = (),
    filters: Row | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    """Ask accounting for jobs, steps left out. `filters` are user, partition and account; times bound when they ran."""
    line = [command, "--allocations", "--noheader", "--parsable", f"--delimiter={marks.separator}"]
    line.append(f"--format={','.join(RECORDS)}")
    if not (filters or {}).get("user"):
        line.append("--allusers")
    line += [f"--{option}={value}" for option, value in (filters or {}).items() if value]
    if job_ids:
        line.append(f"--jobs={','.join(job_ids)}")
    for option, moment_ in (("starttime", since), ("endtime", until)):
        if moment_:
            line.append(f"--{option}={_local(moment_)}")
    return line


def parse_records(stdout: bytes, marks: Marks) -> list[Row]:
    """The rows of an answer to `records_argv`. Raises Unreadable where it is cut."""
    *fields, rest = stdout.split(marks.separator.encode())
    if rest.strip() or len(fields) % len(RECORDS):
        raise Unreadable("sacct's answer is cut", decode(rest))
    rows = [map(decode, fields[i : i + len(RECORDS)]) for i in range(0, len(fields), len(RECORDS))]
    named = [dict(zip(map(str.lower, RECORDS), row, strict=True)) for row in rows]
    return [_told(row | {"jobid": row["jobid"].removeprefix("\n")}) for row in named]


def _told(row: Row) -> Row:
    """Times as Slurm prints them for people, and a state that every client knows; the scheduler's own word beside it.

    A word that is new to us is left out of `state`, because a wrong one would be worse than none.
    """
    told = {name: _time(text) if name in TIMES else text for name, text in row.items()}
    state, word = job_state(told.pop("state"))
    told["slurm_state"] = word
    if state is not JobState.UNKNOWN:
        told["state"] = word if state is JobState.CANCELLED else str(AS_KNOWN.get(state, state))
    return told


def _time(text: str) -> str:
    found = moment(text)
    return _local(found) if found else text


def _local(time: datetime) -> str:
    """Slurm's own default: the local time of the facility, without a zone."""
    return f"{time.astimezone():%Y-%m-%dT%H:%M:%S}"


def row_of(job: Job) -> Row:
    """The words of a row that our own record of a job has."""
    times = {"submit_time": job.submitted, "start_time": job.starts, "end_time": job.ends}
    words = {
        "jobid": job.id, "state": job.state_word, "user": job.user, "account": job.account, "qos": job.qos,
        "partition": job.partition, "reservation": job.reservation, "reason": job.reason,
        "priority": str(job.priority), "nodes": str(job.node_count), "nodelist": job.node_list,
        "exec_host": job.batch_host, "comment": job.comment, "name": job.name,
    }  # fmt: skip
    return _told(words | {name: str(int(time.timestamp())) if time else "N/A" for name, time in times.items()})
