"""What can go wrong between a scan on disk and its Bragg disks; each says what happened, to what, and what next.

BraggError
   |- BadOption      an option of find_bragg_disks that is unknown, or whose value cannot be
   |- ProbeError     a probe or kernel that does not fit the scan
   |- ScanError      a file that is no scan
   |    `- TruncatedScan   shorter than its own header says
   |- ReaderMissing  the package that reads this format is not installed
   |- WorkerLost     the cluster could not finish a tile
   |- JournalError   the folder of a run that cannot be read or written
   |- RunMissing     a name that no run has
   |- RunCancelled   the result of a run that somebody has cancelled
   `- RunLost        the cluster that held a run is gone
"""

from __future__ import annotations


class BraggError(Exception):
    """Anything that keeps Bragg disks from being found."""


class BadOption(BraggError, ValueError):
    """An option that does not exist, or a value it cannot have; the message names what it can be."""


class ProbeError(BraggError, ValueError):
    """A probe without intensity, or of another shape than the patterns."""


class ScanError(BraggError):
    """A file that cannot be read as a four-dimensional scan."""


class TruncatedScan(ScanError):
    """A file that holds fewer patterns than its header promises: still being written, or cut short."""


class ReaderMissing(BraggError, ImportError):
    """A format whose reader is an optional package that this environment lacks."""


class WorkerLost(BraggError):
    """A tile that no worker finished, although it was tried again."""


class JournalError(BraggError):
    """The folder of a run cannot be read, or the disk takes no more; what it holds is kept."""


class RunMissing(BraggError, LookupError):
    """Neither the cluster nor the disk knows a run of this name."""


class RunCancelled(BraggError):
    """The run was cancelled before its end; what was found is kept."""


class RunLost(BraggError):
    """The cluster that held the run answers no more; what was found is kept, and another cluster can go on."""
