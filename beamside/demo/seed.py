"""Several commands of the facility service in one process: each start of the interpreter costs a second.

Run as the service's user, with a JSON list of argument lists on standard input.
"""

from __future__ import annotations

import json
import sys

from facility.service.__main__ import main

if __name__ == "__main__":
    sys.exit(next((status for arguments in json.load(sys.stdin) if (status := main(arguments))), 0))
