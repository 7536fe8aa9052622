"""How tests are shared out between workers, and what one folder of tests leaves to the next: nothing."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByFolder(LoadScopeScheduling):
    """The tests of one folder share one Slurm and one hub, and some go on where another stopped: one worker has them.

    Two workers then run as two people would side by side.
    """

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid)


def folder_of(nodeid: str) -> str:
    """The folder below tests/ that a test is in, or its file where it is in none."""
    return "/".join(nodeid.split("/")[:2])


def end_with_folder(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test of a folder, end the fixtures of the session too, its Slurm among them.

    Which folder follows on a worker is chance: without this its tests would meet what the services of another keep.
    """
    if nextitem is not None and folder_of(item.nodeid) != folder_of(nextitem.nodeid):
        item.session._setupstate.teardown_exact(None)  # what pytest does after the last test of all
