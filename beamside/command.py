"""The command `beamside`: one module a verb, each imported only when its verb is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

VERBS = {
    "demo": ("beamside.demo.command", "bring up a whole facility on this machine, tour it, take it down"),
    "serve": ("beamside.serve", "run the facility service of a site"),
    "whoami": ("beamside.verbs.whoami", "whom the facility takes you for"),
    "accounts": ("beamside.verbs.accounts", "what you may charge, with which QOS, and what is free"),
    "reservations": ("beamside.verbs.reservations", "which reservations you may use; asking for one"),
    "jobs": ("beamside.verbs.jobs", "your jobs: submit, follow, hold, end"),
    "clusters": ("beamside.verbs.clusters", "your Dask clusters: whatever kernel made them; more blocks, fewer, none"),
    "transfer": ("beamside.verbs.transfer", "data from one tier to another"),
    "callbacks": ("beamside.verbs.callbacks", "who is told when something happens"),
    "keys": ("beamside.verbs.keys", "the keys by which your programs act for you: list, add, end"),
    "link": ("beamside.verbs.link", "say that a login at the home institution is you"),
    "links": ("beamside.verbs.links", "which logins are yours; for operators, which wait to be linked"),
    "health": ("beamside.verbs.health", "how the facility is"),
}
"""Verb -> the module that holds `add_arguments(parser)` and `run(arguments) -> int`, and its line of help."""

EXTRAS = {"beamside.verbs": "cli", "beamside.verbs.clusters": "cli,dask"}
"""What must be installed for a verb, or else for the verbs of a package."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    parser = argparse.ArgumentParser(prog="beamside", description="Jupyter at the side of the beam.")
    parser.add_argument("verb", choices=VERBS, help="; ".join(f"{verb}: {words}" for verb, (_, words) in VERBS.items()))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="what the verb takes; `beamside VERB --help` tells")
    chosen = parser.parse_args(argv)
    try:
        verb = importlib.import_module(VERBS[chosen.verb][0])
    except ModuleNotFoundError as error:
        module = VERBS[chosen.verb][0]
        extra = EXTRAS.get(module, EXTRAS.get(module.rpartition(".")[0]))
        if extra is None or (error.name or "").partition(".")[0] in {"beamside", "facility", "dask_hpc"}:
            raise
        sys.stderr.write(f"beamside {chosen.verb} needs {error.name}: pip install 'beamside[{extra}]'\n")
        return 2
    of_verb = argparse.ArgumentParser(prog=f"beamside {chosen.verb}", description=VERBS[chosen.verb][1])
    verb.add_arguments(of_verb)
    status: int = verb.run(of_verb.parse_args(chosen.rest))
    return status
