"""The real single-user server with JupyterLab, which first notes when it begins and what its process has used by then.

The note goes into the folder that BENCHMARK_NOTES names, under the job's number.
"""

import json
import os
import time
from pathlib import Path


def main() -> None:
    """Note, then serve."""
    port = int(os.environ["JUPYTERHUB_SERVICE_URL"].rsplit(":", 1)[1].split("/")[0])
    note = {"began": time.monotonic(), "processor": time.process_time(), "pid": os.getpid(), "port": port}
    path = Path(os.environ["BENCHMARK_NOTES"]) / os.environ["SLURM_JOB_ID"]
    path.with_suffix(".new").write_text(json.dumps(note), encoding="ascii")
    path.with_suffix(".new").replace(path)
    from jupyterhub.singleuser import main as serve  # noqa: PLC0415 - takes a second, and counts as the server's

    serve()


if __name__ == "__main__":
    main()
