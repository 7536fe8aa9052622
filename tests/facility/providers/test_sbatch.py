"""sbatch and scancel: three kinds of answer."""

from __future__ import annotations

import pytest

from facility.errors import NotAllowed, SubmitRefused, Unreachable, Unreadable
from facility.providers.slurm import sbatch, scancel


@pytest.mark.parametrize("stdout", [b"42\n", b"42;perlmutter\n"])
def test_an_accepted_job_has_an_id(stdout: bytes) -> None:
    """The cluster's name after the id is left out."""
    assert "42" == sbatch.parse(0, stdout, b"")


@pytest.mark.parametrize(
    "words",
    [
        "Invalid account or account/partition combination specified",
        "Invalid qos specification",
        "Requested reservation is invalid",
        "Access denied to requested reservation",
    ],
)
def test_a_refusal_carries_slurms_own_words(words: str) -> None:
    """What Slurm 22.05.8 says reaches the person, without the noise around it."""
    stderr = f"sbatch: error: Batch job submission failed: {words}\n".encode()

    with pytest.raises(SubmitRefused, match=f"^the scheduler refused the job: {words}$"):
        sbatch.parse(1, b"", stderr)


@pytest.mark.parametrize(
    "words",
    ["Socket timed out on send/recv operation", "Unable to contact slurm controller (connect failure)"],
)
def test_an_unconfirmed_job_is_looked_for_not_submitted_again(words: str) -> None:
    """After these words the controller may hold the job."""
    stderr = f"sbatch: error: Batch job submission failed: {words}\n".encode()

    with pytest.raises(Unreachable, match="look for it by its nonce"):
        sbatch.parse(1, b"", stderr)


def test_a_killed_sbatch_is_ambiguous() -> None:
    """A signal can come after the controller took the job."""
    with pytest.raises(Unreachable):
        sbatch.parse(-9, b"", b"")


def test_success_without_an_id_is_unreadable() -> None:
    """Something that is not sbatch answered."""
    with pytest.raises(Unreadable):
        sbatch.parse(0, b"hello\n", b"")


def test_cancelling_what_has_ended_is_no_error() -> None:
    """The job is not there any more, which is what was wanted."""
    assert scancel.refusal("7", 1, b"scancel: error: Kill job error on job id 7: Invalid job id specified\n") is None


def test_cancelling_somebody_elses_job_is_refused() -> None:
    """Slurm's own refusal becomes ours."""
    words = b"scancel: error: Kill job error on job id 7: Access/permission denied\n"

    assert isinstance(scancel.refusal("7", 1, words), NotAllowed)


def test_a_scancel_that_failed_is_tried_again() -> None:
    """Nothing is said about the job, so it still counts as there."""
    assert isinstance(scancel.refusal("7", 1, b"scancel: error: Unable to contact slurm controller\n"), Unreachable)
