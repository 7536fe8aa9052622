"""Runs inside the peer's environment: py4DSTEM on the patterns of one .npz.

    python py4dstem_peaks.py INPUT.npz OUTPUT.npz    peaks of every option set into OUTPUT
    python py4dstem_peaks.py INPUT.npz               one timed round for each line read: the number of an option set

INPUT holds patterns (rx, ry, qx, qy), kernel (qx, qy) and options (JSON list of keyword sets, where filter_function is
the name of a function of numpy), and may hold origin (2, rx, ry), which radial_bksb needs. OUTPUT holds for option set
i: offsets_i and peaks_i (qx, qy, intensity). A timed round answers with one line: process seconds and wall seconds.
"""

import json
import sys
import time

import numpy as np
import py4DSTEM


def write_peaks(cube: py4DSTEM.DataCube, kernel: np.ndarray, sets: list[dict], target: str) -> None:
    """Find the disks of every option set."""
    found: dict[str, np.ndarray] = {"version": np.array(py4DSTEM.__version__)}
    for number, options in enumerate(sets):
        vectors = cube.find_Bragg_disks(kernel, **options)
        lists = [vectors.raw[rx, ry].data for rx in range(vectors.Rshape[0]) for ry in range(vectors.Rshape[1])]
        columns = [np.concatenate([peaks[name] for peaks in lists]) for name in ("qx", "qy", "intensity")]
        found[f"offsets_{number}"] = np.cumsum([0, *(len(peaks) for peaks in lists)])
        found[f"peaks_{number}"] = np.column_stack(columns)
    np.savez_compressed(target, **found)


def serve_rounds(cube: py4DSTEM.DataCube, kernel: np.ndarray, sets: list[dict]) -> None:
    """Time a round for each line on stdin; py4DSTEM's own output goes to stderr."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        wall, process = time.perf_counter(), time.process_time()
        cube.find_Bragg_disks(kernel, **sets[int(line)])
        answers.write(f"{time.process_time() - process} {time.perf_counter() - wall}\n")
        answers.flush()


def main(source: str, target: str | None = None) -> None:
    """Read the input, then write peaks or serve rounds."""
    given = np.load(source)
    cube = py4DSTEM.DataCube(given["patterns"])
    if "origin" in given:
        cube.calibration.set_origin(tuple(given["origin"]))
        py4DSTEM.PolarDatacube(cube)  # becomes cube.polar
    sets = json.loads(str(given["options"]))
    for options in sets:
        if "filter_function" in options:
            options["filter_function"] = getattr(np, options["filter_function"])
    if target is None:
        serve_rounds(cube, given["kernel"], sets)
    else:
        write_peaks(cube, given["kernel"], sets, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
