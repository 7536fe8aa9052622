"""How long a kernel takes to have a cluster again: from the end of its imports to the first answer of a task.

Run: `python benchmarks/reattach.py [ROUNDS]`. The cluster is on this machine; no batch system is asked in between,
nor would one be on a supercomputer, where the record names the scheduler.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the laptop of the tests

from tests.dask_hpc.laptop import environment_of

KERNEL = """
import json, time
from distributed import Client
from dask_hpc import MPICluster
begun = time.perf_counter()
client = MPICluster.from_name("again").get_client()
joined = time.perf_counter()
client.submit(sum, [40, 2]).result()
print(json.dumps([joined - begun, time.perf_counter() - begun]))
"""


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="reattach-") as name:
        environment = {**os.environ, **environment_of(Path(name))}

        def run(*argv: str) -> str:
            return subprocess.run(
                [sys.executable, *argv], env=environment, check=True, capture_output=True, text=True
            ).stdout

        run("-m", "dask_hpc", "start", "again", "--ranks-per-node", "2", "--wait", "60 s")
        try:
            found = [json.loads(run("-c", KERNEL).splitlines()[-1]) for _ in range(rounds)]
        finally:
            run("-m", "dask_hpc", "close", "again")
    for what, figures in zip(("client is there", "first task is answered"), zip(*found, strict=True), strict=True):
        print(f"{what:24} median {statistics.median(figures):.3f} s, worst {max(figures):.3f} s of {rounds}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
