"""What sbatch --test-only says, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility.errors import FacilityError, SubmitRefused, Unreachable, Unreadable
from facility.models import Estimate
from facility.providers.slurm import will_run

ASKED = datetime(2026, 11, 23, 1, 34, tzinfo=UTC)
STARTS = datetime.fromtimestamp(1795399476, UTC)
TOLD = b"sbatch: Job 16 to start at 1795399476 using 3 processors on nodes nid[005,007-008] in partition main\n"


def test_nothing_but_options_is_asked() -> None:
    """The script is sbatch's own; a begin is told as seconds, which no time zone can change."""
    asked = will_run.argv("sbatch", ["--account=ncem"], STARTS)

    assert ["sbatch", "--test-only", "--wrap=true", "--account=ncem", "--begin=uts1795399476"] == asked


@pytest.mark.parametrize("before", [b"", b"sbatch: Welcome, says the site's submit filter\n"])
def test_a_start_is_told_with_its_nodes(before: bytes) -> None:
    """Whatever a site's submit filter says before; the wait is never negative."""
    found = will_run.parse(0, before + TOLD, ASKED)

    assert Estimate(ASKED, STARTS, "nid[005,007-008]", "main") == found
    assert (timedelta(0), timedelta(minutes=1)) == tuple(
        found.wait(STARTS + timedelta(seconds=shift)) for shift in (5, -60)
    )


@pytest.mark.parametrize(
    ("returncode", "said", "kind", "words"),
    [
        (1, b"allocation failure: Invalid qos specification\n", SubmitRefused, "refused the job: Invalid qos"),
        (
            1,
            b"sbatch: error: invalid partition specified: x\nallocation failure: Invalid partition name specified\n",
            SubmitRefused,
            "refused the job: invalid partition specified: x; Invalid partition name specified",
        ),
        (
            1,
            b"allocation failure: Requested node configuration is not available\n",
            SubmitRefused,
            "names no start: Requested node configuration is not available; reservations keep",
        ),
        (1, b"allocation failure: Unable to contact slurm controller (connect failure)\n", Unreachable, "did not say"),
        (-9, b"", Unreachable, "status -9"),
        (0, TOLD.replace(b"1795399476", b"2026-11-23T02:04:36"), Unreadable, "SLURM_TIME_FORMAT"),
        (0, b"", Unreadable, "named no start"),
    ],
)
def test_what_is_no_start_says_why(returncode: int, said: bytes, kind: type[FacilityError], words: str) -> None:
    """Slurm's own words where it refuses; a controller that is away is no refusal."""
    with pytest.raises(kind) as error:
        will_run.parse(returncode, said, ASKED)

    assert words in str(error.value)
