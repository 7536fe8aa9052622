"""Reservations made and ended by scontrol, and what its answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility.errors import FacilityError, NotAllowed, NotFound, Refused, Unreachable
from facility.models import Reservation
from facility.providers.slurm import reserving

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WANTED = Reservation(
    "ana-1", NOW, NOW + timedelta(hours=1), "", node_count=2, users=("ana", "ben"), accounts=("ncem",), partition="main"
)


def test_a_reservation_is_made_of_its_fields() -> None:
    """What is empty is left to Slurm; times are its host's."""
    assert [
        "scontrol", "create", "reservation", "ReservationName=ana-1", f"StartTime={reserving.local(NOW)}",
        f"EndTime={reserving.local(WANTED.ends)}", "NodeCnt=2", "Users=ana,ben", "Accounts=ncem", "PartitionName=main",
    ] == reserving.create_argv("scontrol", WANTED)  # fmt: skip


def test_a_change_names_only_what_is_different() -> None:
    """The end, the nodes, or both."""
    assert ["scontrol", "update", "ReservationName=ana-1", "NodeCnt=1"] == (
        reserving.update_argv("scontrol", "ana-1", None, 1)
    )


@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "-x", "a\nb", "x" * 65])
def test_a_name_that_could_be_read_as_something_else_is_refused(name: str) -> None:
    """Before any command runs."""
    with pytest.raises(Refused):
        reserving.delete_argv("scontrol", name)


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        (b"Error creating the reservation: Duplicate reservation name\n", reserving.AlreadyThere),
        (b"Error creating the reservation: Invalid user id\n", NotAllowed),
        (b"Error creating the reservation: Requested nodes are busy\n", Refused),
        (
            b"Error updating the reservation: Requested nodes are busy\nslurm_update error: Requested nodes are busy\n",
            Refused,
        ),
        (b"delete_reservation ReservationName=x: Requested reservation is invalid\n", NotFound),
        (b"slurm_update error: Unable to contact slurm controller (connect failure)\n", Unreachable),
    ],
)  # fmt: skip
def test_every_refusal_is_one_of_ours_with_slurms_words(stderr: bytes, kind: type[FacilityError]) -> None:
    """As Slurm 22.05 prints them; each sentence once."""
    found = reserving.problem("ana", 1, stderr)

    assert kind is type(found)
    assert 1 == str(found).count("Requested nodes are busy") or b"busy" not in stderr
