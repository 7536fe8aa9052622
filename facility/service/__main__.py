"""python -m facility.service: serve microservices, or put a login or a client's key into the identity store."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from facility.errors import FacilityError
from facility.profile import load_profile
from facility.service import logs
from facility.service.compose import serve
from facility.service.identity import operator


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 2 and one line on standard error where that is not possible."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logs.set_up()
    try:
        profile = load_profile(chosen.profile)
        if chosen.verb in operator.VERBS:
            operator.carry_out(chosen.verb, profile, chosen.state, chosen)
        else:
            names, listen = (chosen.names, chosen.listen) if chosen.verb else ([], "")
            asyncio.run(serve(profile, chosen.state, names, listen))
    except FacilityError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m facility.service", description=__doc__)
    parser.add_argument("--profile", type=Path, help="facility.toml; else BEAMSIDE_PROFILE names it")
    parser.add_argument("--state", type=Path, required=True, help="the service's own directory, 0700")
    verbs = parser.add_subparsers(dest="verb", title="without one of them it serves all that may run together")
    served = verbs.add_parser("serve", help="serve some microservices")
    served.add_argument("names", nargs="*", help="which; without a name all that may run together")
    served.add_argument("--listen", default="", metavar="HOST:PORT", help="else the profile's URL tells")
    operator.describe(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
