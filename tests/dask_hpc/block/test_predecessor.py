"""What a rank kills that takes another's place."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dask_hpc.block.predecessor import end_predecessor


@pytest.fixture(params=["dask_hpc.block.rank", "dask_hpc.block.node"])
def stopped(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the words of a rank of job 41, or of a worker without MPI, which is stopped."""
    sleeps = [sys.executable, "-c", "import time; time.sleep(300)", request.param, "tonight", "41"]
    with subprocess.Popen(sleeps) as process:
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()


def test_a_stopped_rank_is_killed(stopped: subprocess.Popen[bytes]) -> None:
    """It cannot end by itself."""
    end_predecessor(stopped.pid, "41")

    assert stopped.wait(60) == -signal.SIGKILL


def test_no_other_process_is_touched(stopped: subprocess.Popen[bytes]) -> None:
    """A number may have been given to another process meanwhile; none of that number is no error."""
    end_predecessor(stopped.pid, "42")
    end_predecessor(2**22 + 1, "41")

    assert stopped.poll() is None
