"""`python -m beamside.demo.run_notebook FILE`: run a notebook in its folder and write it back with what it showed."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_SECONDS = 600


def main() -> int:
    """0 when every cell ran; else the last line on standard error is the error of the cell that did not."""
    path = Path(sys.argv[1])
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat annotates half of its functions
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path.name}: {error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # nbformat annotates half of its functions
    return 0


if __name__ == "__main__":
    sys.exit(main())
