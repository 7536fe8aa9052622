"""What was asked for, held against an Offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dask_hpc.request.asking import check
from dask_hpc.request.walltime import Limit
from facility.admission import JudgedReservation, judge
from facility.errors import OptionError
from facility.models import Entitlement, Image, JobRequest, Partition, Qos, Reservation
from facility.offer import Offer, Part

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
OWN = (
    Entitlement("ana", "ncem", ("realtime", "regular"), is_default=True),
    Entitlement("ana", "als", ("regular",)),
)
PARTITIONS = tuple(Partition(name, True, name == "main", 6 * HOUR, nodes, 1, 8, 16000) for name, nodes in
                   (("main", 8), ("gpu", 2)))  # fmt: skip
REQUEST = JobRequest("", "realtime", "main", HOUR, nodes=2)


def judged(name: str, **rules: object) -> JudgedReservation:
    """A reservation of two nodes that runs, as ana sees it."""
    known = Reservation(name, NOW - HOUR, NOW + HOUR, "ACTIVE", node_count=2, **rules)  # type: ignore[arg-type]  # its keywords
    return judge(known, "ana", OWN, (), NOW)


RESERVATIONS = (judged("beam", accounts=("ncem",)), judged("lit", accounts=("als",), partition="gpu"))
OFFER = Offer(
    user="ana",
    entitlements=Part(OWN, NOW),
    qos=Part((Qos("realtime", max_walltime=4 * HOUR), Qos("regular"), Qos("premium")), NOW),
    partitions=Part(PARTITIONS, NOW),
    reservations=Part(RESERVATIONS, NOW),
    images=Part((), None),
    near=(judged("staff", users=("kim",)),),
)
UNKNOWN = Offer("ana", Part((), None), Part((), None), Part((), None), Part((), None), Part((), None))


def test_what_is_offered_passes_with_its_limits() -> None:
    """The limits of partition and QOS on the walltime come with it."""
    found = check(replace(REQUEST, reservation="beam"), OFFER)

    assert found == (Limit(6 * HOUR, "partition main allows"), Limit(4 * HOUR, "QOS realtime allows"))


@pytest.mark.parametrize(
    ("choice", "field", "words"),
    [
        ({"account": "m1234"}, "account", "you may charge als, ncem"),
        ({"qos": "premium"}, "qos", "account ncem may not use QOS premium, but realtime, regular"),
        ({"qos": "fast"}, "qos", "there is no QOS fast; account ncem may use realtime, regular"),
        ({"account": "als"}, "qos", "account als may not use QOS realtime, but regular; account ncem may"),
        ({"partition": "long"}, "partition", "there is no partition long; there are gpu, main"),
        ({"nodes": 9}, "nodes", "9 are more than the 8 of partition main"),
        ({"reservation": "moon"}, "reservation", "there is no reservation moon; there are beam, lit"),
        ({"reservation": "staff"}, "reservation", "staff is for other users. You may use: beam, lit"),
        ({"reservation": "beam", "account": "als", "qos": "regular"}, "account", "beam is not for als, but for ncem"),
        ({"reservation": "beam", "nodes": 3}, "nodes", "3 are more than the 2 of beam"),
        ({"reservation": "lit", "account": "als", "qos": "regular"}, "partition", "lit lies in partition gpu"),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(choice: dict[str, object], field: str, words: str) -> None:
    """The argument is named, and the names that can be had are in the message."""
    with pytest.raises(OptionError) as refusal:
        check(replace(REQUEST, **choice), OFFER)  # type: ignore[arg-type]  # fields of a request

    assert (refusal.value.field, words in refusal.value.reason) == (field, True), refusal.value.reason


def test_an_image_that_is_not_offered_is_refused_with_those_spelt_most_like_it() -> None:
    """A catalogue may have thousands."""
    images = tuple(Image(f"shifter:docker:lab:{number}", "shifter", "Lab") for number in range(30))
    offer = replace(OFFER, images=Part(images, NOW))

    assert check(replace(REQUEST, image="shifter:docker:lab:7"), offer)
    with pytest.raises(OptionError, match=r"no image shifter:docker:lab:77 that you may use.*lab:7,.*and 20 more"):
        check(replace(REQUEST, image="shifter:docker:lab:77"), offer)


def test_what_is_not_known_forbids_nothing() -> None:
    """The scheduler judges it then."""
    assert check(replace(REQUEST, account="m1234", qos="fast", reservation="moon", nodes=99, image="x"), UNKNOWN) == ()


def test_without_accounts_a_reservation_only_has_to_be_there() -> None:
    """Where no accounting tells who may charge what, nobody knows who is admitted."""
    offer = replace(OFFER, entitlements=Part((), NOW), reservations=Part((), NOW), near=(*OFFER.near, *RESERVATIONS))

    assert check(replace(REQUEST, reservation="staff"), offer)
    with pytest.raises(OptionError, match="there is no reservation moon"):
        check(replace(REQUEST, reservation="moon"), offer)
