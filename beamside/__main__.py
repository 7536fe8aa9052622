"""`python -m beamside` is the command `beamside`."""

import sys

from beamside.command import main

sys.exit(main())
