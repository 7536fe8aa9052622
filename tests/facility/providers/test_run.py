"""Running commands: as whom, how long, and what is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from facility.errors import NotAllowed, Unreachable
from facility.providers.slurm.run import DirectRunner


async def test_a_command_gets_its_own_environment_and_input() -> None:
    """Nothing of our environment reaches a command."""
    done = await DirectRunner({"ONLY": "this"}).run(["/usr/bin/env"], user=None, timeout=5)

    assert b"ONLY=this\n" == done.stdout


async def test_bytes_go_in_and_out_unchanged() -> None:
    """Input is not interpreted."""
    done = await DirectRunner({}).run(["/bin/cat"], user=None, stdin=b"\x00\xff\n$HOME", timeout=5)

    assert b"\x00\xff\n$HOME" == done.stdout


async def test_a_hanging_command_is_ended_with_its_children(tmp_path: Path) -> None:
    """When the time is up, the whole process group is killed."""
    runner = DirectRunner({"PATH": os.defpath})
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; wait"

    with pytest.raises(Unreachable, match=r"gave no answer within 0\.5 s"):
        await runner.run(["/bin/sh", "-c", script], user=None, timeout=0.5)

    assert _ends(int((tmp_path / "pid").read_text()))


async def test_a_missing_command_says_where_to_name_it() -> None:
    """The message names the command and the place in facility.toml."""
    with pytest.raises(Unreachable, match=r"/nowhere/squeue did not start.*facility.toml"):
        await DirectRunner({}).run(["/nowhere/squeue"], user=None, timeout=5)


async def test_acting_for_somebody_else_needs_the_helper() -> None:
    """Without a helper, only the one user is served."""
    with pytest.raises(NotAllowed, match="cannot act for somebody-else"):
        await DirectRunner({}).run(["/bin/true"], user="somebody-else", timeout=5)


def _ends(pid: int) -> bool:
    """Whether the process ends soon; one that its parent has not collected counts as ended."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        os.sched_yield()
    return False
