"""Fakes and faults for tests: they ship, so that a site can put a fault in the place of anything it depends on.

A fake stands in only for what the real part cannot be made to say.
"""

from facility.testing.clock import FakeClock, until
from facility.testing.commands import CommandShim
from facility.testing.lines import Fault, FaultProxy, free_port
from facility.testing.scheduler import FakeScheduler

__all__ = ["CommandShim", "FakeClock", "FakeScheduler", "Fault", "FaultProxy", "free_port", "until"]
