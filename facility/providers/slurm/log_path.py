"""squeue(1): where one job prints to, as long as the controller remembers it. Accounting does not keep it."""

from __future__ import annotations

from facility.errors import Unreadable
from facility.providers.slurm.text import Marks, read_rows, word

FIELDS = ("UserName", "STDOUT")


def argv(command: str, marks: Marks, job_id: str) -> list[str]:
    """Ask about this job; the path is its owner's own text and stands last."""
    wanted = f"UserID:0{marks.start},{FIELDS[0]}:0{marks.separator},{FIELDS[1]}:0{marks.end}"
    return [
        command,
        "--noheader",
        "--array",
        "--all",
        "--local",
        "--states=all",
        f"--jobs={job_id}",
        f"--Format={wanted}",
    ]


def parse(stdout: bytes, marks: Marks) -> tuple[str, str]:
    """The job's owner and the path; ("", "") where nothing was told. Raises Unreadable for a row that is cut."""
    found = read_rows(stdout, marks, len(FIELDS))
    if found.malformed:
        raise Unreadable("squeue's answer is cut", stdout.decode("utf-8", "backslashreplace"))
    user, path = found.rows[0] if found.rows else ("", "")
    return user, word(path)
