"""Timed rounds of our own finder, with the protocol of py4dstem_peaks.py.

python our_rounds.py INPUT.npz TIER PRECISION THREADS
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dask_hpc.bragg import BraggOptions
from dask_hpc.bragg.kernels import DTYPE, finder, make_plan


def main(source: str, tier: str, precision: str, threads: str) -> None:
    """Time a round for each line on stdin; each thread takes its share of the patterns."""
    given = np.load(source)
    patterns = given["patterns"].reshape(-1, *given["patterns"].shape[2:])
    shares = np.array_split(patterns, int(threads))
    plans = [
        make_plan(given["kernel"], BraggOptions.from_keywords(**options), DTYPE[precision])
        for options in json.loads(str(given["options"]))
    ]
    find = finder(tier)
    with ThreadPoolExecutor(int(threads)) as pool:
        for plan in plans:
            find(patterns[:1], plan)  # compile, or load what was compiled
        for line in sys.stdin:
            plan = plans[int(line)]
            wall, process = time.perf_counter(), time.process_time()
            list(pool.map(find, shares, [plan] * len(shares)))
            sys.stdout.write(f"{time.process_time() - process} {time.perf_counter() - wall}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
