"""May this person use that reservation? The rules of scontrol(1), one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from facility.admission import JudgedReservation, judge, names
from facility.models import Entitlement, Reservation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEAM = Reservation("beam-042", NOW - timedelta(hours=1), NOW + timedelta(hours=5), "ACTIVE")
ANA = (Entitlement("ana", "ncem", ("realtime",)), Entitlement("ana", "als", ("regular",)))


def judged(entitlements: tuple[Entitlement, ...] = ANA, **rule: object) -> JudgedReservation:
    """The reservation with these rules as ana sees it."""
    return judge(replace(BEAM, **rule), "ana", entitlements, (), NOW)  # type: ignore[arg-type]  # a test's rules


@pytest.mark.parametrize(
    ("rule", "accounts"),
    [
        ({}, ("ncem", "als")),
        ({"users": ("ana", "ben")}, ("ncem", "als")),
        ({"users": ("-ben",)}, ("ncem", "als")),
        ({"accounts": ("ncem",)}, ("ncem",)),
        ({"accounts": ("-als",)}, ("ncem",)),
        ({"accounts": ("als",), "users": ("ana",)}, ("als",)),
    ],
)
def test_whom_a_reservation_admits(rule: dict[str, object], accounts: tuple[str, ...]) -> None:
    """Lists, lists of exceptions, and both together; the accounts that may be charged inside are named."""
    assert (True, "", accounts) == (
        judged(**rule).admits, judged(**rule).why_not, judged(**rule).admitted_accounts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "why_not"),
    [
        ({"users": ("ben",)}, "beam-042 is for other users."),
        ({"users": ("-ana", "-ben")}, "beam-042 is for other users."),
        ({"accounts": ("bio",)}, "beam-042 is for other accounts (bio)."),
        ({"accounts": ("-ncem", "-als")}, "beam-042 excludes your accounts (ncem, als)."),
        ({"accounts": ("ncem",), "users": ("ben",)}, "beam-042 is for other users."),
        ({"groups": ("optics",)}, "beam-042 is for members of optics."),
        ({"flags": ("MAINT",)}, "beam-042 is for maintenance."),
        ({"ends": NOW}, "beam-042 has ended."),
    ],
)
def test_why_a_reservation_does_not_admit(rule: dict[str, object], why_not: str) -> None:
    """The first rule that excludes is said in words, and no account is admitted."""
    assert (False, why_not, ()) == (judged(**rule).admits, judged(**rule).why_not, judged(**rule).admitted_accounts)


def test_a_member_of_the_group_is_admitted() -> None:
    """Unix groups count as Slurm counts them."""
    optics = replace(BEAM, groups=("optics",))

    assert judge(optics, "ana", ANA, ("optics", "staff"), NOW).admits


def test_an_account_bound_to_another_partition_does_not_count() -> None:
    """An association with a partition admits only there."""
    bound = (Entitlement("ana", "ncem", (), partition="gpu"),)

    assert "You may charge no account in partition cpu." == judged(bound, partition="cpu").why_not


def test_a_reservation_to_come_is_admitted_too() -> None:
    """The form shows it with its time."""
    later = judged(starts=NOW + timedelta(hours=1))

    assert later.admits
    assert not later.is_active(NOW)


def test_a_reservation_of_a_partition_that_is_down_admits_nobody() -> None:
    """No job would start inside."""
    down = judge(replace(BEAM, partition="gpu"), "ana", ANA, (), NOW, ("gpu",))

    assert (False, "Partition gpu of beam-042 is down.") == (down.admits, down.why_not)


def test_a_reservation_tells_how_long_it_is_until_its_start_and_end() -> None:
    """A client needs no clock of its own."""
    running, later = judged(), judged(starts=NOW + timedelta(hours=1))

    assert (timedelta(0), timedelta(hours=5)) == (running.starts_in, running.ends_in)
    assert timedelta(hours=1) == later.starts_in


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, False),
        ({"users": ("ana",), "accounts": ("bio",)}, True),
        ({"users": ("ben",), "accounts": ("als",)}, True),
        ({"groups": ("optics",)}, True),
        ({"users": ("-ana",)}, False),
        ({"users": ("ben",), "accounts": ("bio",), "groups": ("laser",)}, False),
    ],
)
def test_a_reservation_that_lists_something_of_mine_is_near(rule: dict[str, object], named: bool) -> None:
    """Only then is it worth telling why it does not admit; an exclusion is no such list."""
    assert named == names(replace(BEAM, **rule), "ana", ANA, ("optics",))  # type: ignore[arg-type]  # a test's rules
