"""The same faults put to two hubs on one real Slurm, one after the other, and what was seen of each.

    python benchmarks/faults.py [--only F1 F16] [--seconds 240] [--record FILE]

Both hubs are real JupyterHubs of one person, each behind a proxy of its own, with the same stub as server, the same
poll interval (2 s) and the same Slurm: ours as the tests bring it up, and one with batchspawner's SlurmSpawner, with
the settings that `tests/hub_ext/stock.py` and `hubs/stock.py` show. Each fault is put in place from outside, lasts as
long for both, and ends. Then the hub is asked what it knows, the server's address is asked through the proxy, and
Slurm how many jobs there are.

A case that takes more than `--seconds`, or fails, is said to be unobserved, and the next begins on a new hub. What was
seen is kept in `--record`; a run with the same file puts only what it lacks, and prints all of it at the end.
Ctrl-C ends everything that was started.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hub at work that the tests bring up

from goal import show_machine
from hub_bench.slurm import a_slurm
from hubs.case import Contender, Record
from hubs.fault_list import FAULTS
from hubs.stock import stock_hub_at_work

from tests.hub_ext.conftest import hub_at_work


def row(*cells: str) -> None:
    """Print one line of the table, at once."""
    print(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |", flush=True)


def arguments() -> argparse.Namespace:
    """Which faults, how long each may take, and where what was seen is kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="FAULT", choices=[fault.key for fault in FAULTS])
    parser.add_argument("--seconds", type=int, default=240, help="the most that one case may take (default 240)")
    parser.add_argument("--record", type=Path, help="a file that keeps what was seen, for a run that goes on")
    return parser.parse_args()


def main() -> None:
    """Bring Slurm up, put each fault to each hub, and print the table."""
    asked = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))  # for the hubs and their jobs
    wanted = [fault for fault in FAULTS if not asked.only or fault.key in asked.only]
    record = Record(asked.record)
    show_machine()
    with contextlib.suppress(KeyboardInterrupt), a_slurm() as slurm:
        ours = Contender("beamside", lambda: hub_at_work(slurm))
        stock = Contender(f"batchspawner {version('batchspawner')}", lambda: stock_hub_at_work(slurm))
        with ours, stock:
            for fault in wanted:
                for hub in (ours, stock):
                    if not record.of(fault, hub):
                        word = hub.observe(fault, asked.seconds)
                        record.keep(fault, hub, word)
                        print(f"{fault.key}, {hub.name}: {word or hub.trouble}", flush=True)
        print()
        row("fault", "question", ours.name, stock.name)
        row(*["---"] * 4)
        for fault in wanted:
            words = [record.of(fault, hub) or "unobserved" for hub in (ours, stock)]
            row(f"{fault.key} {fault.what}", fault.question, *words)


if __name__ == "__main__":
    main()
