"""One person's Offer, made by hand, and the moment at which it is judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility.admission import JudgedReservation
from facility.models import Entitlement, Image, Partition, Qos
from facility.offer import Offer, Part
from facility.profile import System

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """An evening at the microscope."""
    return NOW


@pytest.fixture
def system() -> System:
    """A system with the default limits: one hour, at most twelve."""
    return System(title="Sidecar")


@pytest.fixture
def offer() -> Offer:
    """Ana's: account ncem with realtime, als without; a reservation that runs, one that comes, one of others."""
    return Offer(
        user="ana",
        entitlements=Part(
            (
                Entitlement("ana", "ncem", ("realtime", "regular"), "regular", is_default=True),
                Entitlement("ana", "als", ("regular", "debug"), "regular"),
            ),
            NOW,
        ),
        qos=Part(
            (
                Qos("realtime", 10_000, timedelta(hours=4), max_nodes=2),
                Qos("regular", 10),
                Qos("debug", 100, timedelta(minutes=30)),
            ),
            NOW,
        ),
        partitions=Part(
            (
                Partition("main", True, True, timedelta(days=2), 8, 6, 16, 32_000, gpus_per_node=4),
                Partition("exclusive", True, False, timedelta(hours=8), 4, 0, 16, 32_000),
                Partition("repair", False, False, None, 2, 0, 16, 32_000),
            ),
            NOW,
        ),
        reservations=Part(
            (
                reservation("beam-042", -timedelta(hours=1), timedelta(hours=6, minutes=30), "main", "ncem"),
                reservation("night-shift", timedelta(hours=2), timedelta(hours=10), "", "ncem", "als"),
                reservation("not-mine", -timedelta(hours=1), timedelta(hours=9), "main"),
            ),
            NOW,
        ),
        images=Part(
            (
                Image("none", "none", "No container"),
                Image("4dstem", "static", "4D-STEM tools"),
                Image("mpi-only", "static", "MPI", runs_jupyter=False),
            ),
            NOW,
        ),
    )


def reservation(name: str, begins: timedelta, ends: timedelta, partition: str, *accounts: str) -> JudgedReservation:
    """A reservation of three nodes around NOW; without accounts it admits nobody here."""
    return JudgedReservation(
        name,
        NOW + begins,
        NOW + ends,
        "ACTIVE",
        node_count=3,
        partition=partition,
        accounts=accounts,
        admits=bool(accounts),
        why_not="" if accounts else f"{name} is for other users.",
        admitted_accounts=accounts,
    )
