"""A scheduler that is told what to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from facility.errors import Unreachable
from facility.models import Job
from facility.providers.slurm.run import Completed


@dataclass
class FakeScheduler:
    """A `Runner` that answers squeue, sacct, sbatch and scancel for jobs that a test puts into it.

    `faults` maps a command to what it does instead: a Completed it answers, or an error it raises. Jobs named in
    `hidden` are missing from the list of all jobs, and are told when they are asked for by themselves.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    records: dict[str, Job] = field(default_factory=dict)
    faults: dict[str, Completed | Exception] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    starts: datetime = datetime(2026, 1, 1, tzinfo=UTC)  # what `sbatch --test-only` says of any job

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `facility.providers.slurm.run.Runner`."""
        self.calls.append(tuple(argv))
        fault = self.faults.get(argv[0])
        if isinstance(fault, Exception):
            raise fault
        options = dict(option.removeprefix("--").partition("=")[::2] for option in argv[1:])
        if fault is None and argv[0] not in self._answers:
            raise Unreachable(f"{argv[0]} is not part of this fake")
        return fault or self._answers[argv[0]](options, argv)

    def calls_of(self, command: str) -> int:
        """How often `command` was run."""
        return sum(call[0] == command for call in self.calls)

    @property
    def _answers(self) -> Mapping[str, Callable[[dict[str, str], Sequence[str]], Completed]]:
        return {"squeue": self._squeue, "sacct": self._sacct, "sbatch": self._sbatch, "scancel": self._scancel}

    def _squeue(self, options: dict[str, str], argv: Sequence[str]) -> Completed:
        wanted = options["jobs"].split(",") if "jobs" in options else []
        if len(wanted) == 1 and wanted[0] not in self.jobs:  # of several, squeue leaves out what there is not
            return Completed(1, b"", b"slurm_load_jobs error: Invalid job id specified\n")
        shown = [job for job in self.jobs.values() if job.id in wanted or (not wanted and job.id not in self.hidden)]
        columns = [column.partition(":0")[::2] for column in options["Format"].split(",")]
        rows = ["".join(_told(job, name) + suffix for name, suffix in columns) + "\n" for job in shown]
        return Completed(0, "".join(rows).encode(), b"")

    def _sacct(self, options: dict[str, str], argv: Sequence[str]) -> Completed:
        ids = options["jobs"].split(",") if "jobs" in options else list(self.records)
        shown = [self.records[job_id] for job_id in ids if job_id in self.records]
        fields = options["format"].split(",")
        rows = ["".join(_told(job, name) + options["delimiter"] for name in fields) + "\n" for job in shown]
        return Completed(0, "".join(rows).encode(), b"")

    def _sbatch(self, options: dict[str, str], argv: Sequence[str]) -> Completed:
        job_id = str(1 + max((int(known) for known in self.jobs if known.isdecimal()), default=100))
        if "test-only" in options:
            told = f"sbatch: Job {job_id} to start at {_seconds(self.starts)} using 1 processors on nodes nid001"
            return Completed(0, b"", f"{told} in partition main\n".encode())
        template = next(iter(self.jobs.values()), None)
        if template:
            self.jobs[job_id] = replace(template, id=job_id, name=options["job-name"], comment=options["comment"])
        return Completed(0, f"{job_id}\n".encode(), b"")

    def _scancel(self, options: dict[str, str], argv: Sequence[str]) -> Completed:
        self.jobs.pop(argv[-1], None)
        return Completed(0, b"", b"")


def _told(job: Job, column: str) -> str:
    """A column of squeue or sacct, as they print it."""
    values: dict[str, object] = {
        "UserID": 1000, "JobArrayID": job.id, "JobID": job.id, "UserName": job.user, "User": job.user,
        "State": job.state_word, "Account": job.account, "QOS": job.qos, "Partition": job.partition,
        "Reservation": job.reservation or "(null)", "NumNodes": job.node_count, "NNodes": job.node_count,
        "NodeList": job.node_list, "BatchHost": job.batch_host or "n/a", "PriorityLong": job.priority,
        "Priority": job.priority, "RestartCnt": job.restarts, "exit_code": "0", "ExitCode": job.exit_code or "0:0",
        "SubmitTime": _seconds(job.submitted), "Submit": _seconds(job.submitted), "StartTime": _seconds(job.starts),
        "Start": _seconds(job.starts), "EndTime": _seconds(job.ends), "End": _seconds(job.ends),
        "STDOUT": f"/home/{job.user}/{job.id}.out",
        "Reason": job.reason or "None", "Comment": job.comment or "(null)", "Name": job.name, "JobName": job.name,
    }  # fmt: skip
    return str(values[column])


def _seconds(moment: datetime | None) -> str:
    return str(int(moment.timestamp())) if moment else "N/A"
