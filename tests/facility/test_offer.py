"""The Offer: there in time, whatever the service does."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facility import offer as offers
from facility.admission import JudgedReservation
from facility.answers import Accounts, Images, Reservations
from facility.client import FacilityClient, Patience
from facility.errors import Busy, Unreachable
from facility.models import Entitlement, Image, Qos
from facility.offer import OfferSource
from facility.testing import until
from facility.wire import encode

NOW = datetime.now(UTC)


class Service(FacilityClient):
    """A service that answers, fails or says nothing, as the test wants."""

    def __init__(self) -> None:
        self.fault: str = ""
        self.asked = 0
        self.problem = ""
        self.as_of: datetime | None = None  # None: now
        self.ends = NOW + timedelta(hours=1)

    async def _judge(self) -> None:
        self.asked += 1
        if self.fault == "silent":
            await asyncio.sleep(3600)
        if self.fault == "busy":
            raise Busy("too many questions", 30.0)
        if self.fault:
            raise Unreachable(self.fault)

    async def accounts(self, user: str = "") -> Accounts:
        """Two accounts."""
        await self._judge()
        own = (Entitlement(user, "ncem", ("realtime", "regular")), Entitlement(user, "als", ("regular",)))
        return Accounts(user, self.as_of or datetime.now(UTC), own, (Qos("realtime"), Qos("regular")), (), self.problem)

    async def reservations(self, user: str = "", *, all_of_them: bool = False) -> Reservations:
        """One reservation."""
        await self._judge()
        window = JudgedReservation("beam-042", NOW - timedelta(hours=1), self.ends, "ACTIVE", admits=True)
        return Reservations(user, datetime.now(UTC), (window,))

    async def images(self, user: str = "") -> Images:
        """No container."""
        await self._judge()
        return Images(user, datetime.now(UTC), (Image("none", "none", "No container"),))


@pytest.fixture
def service() -> Service:
    """A service that answers."""
    return Service()


@pytest.fixture
def source(service: Service) -> OfferSource:
    """Offers from it, each asked for anew."""
    return OfferSource(service, fresh=0.0)


async def test_an_offer_holds_everything_the_form_needs(source: OfferSource) -> None:
    """Each part with its age, none of them stale."""
    offer = await source.offer("ana")

    assert (("ncem", "als"), ("realtime", "regular"), ()) == (offer.accounts, offer.qos_of("ncem"), offer.problems)
    assert ["beam-042"] == [reservation.name for reservation in offer.reservations.value]
    assert not offer.images.stale
    assert offer.images.as_of


async def test_a_dead_service_leaves_the_last_good_offer_marked(source: OfferSource, service: Service) -> None:
    """The values are those of before, each says that it is stale and why."""
    before = await source.offer("ana")
    service.fault = "connection refused"
    after = await source.offer("ana")

    assert before.entitlements.value == after.entitlements.value
    assert (True, before.entitlements.as_of) == (after.entitlements.stale, after.entitlements.as_of)
    assert "accounts: connection refused" in after.problems


async def test_a_silent_service_costs_the_budget_and_no_more(
    source: OfferSource, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts are asked for at once, so that one budget is enough for all."""
    monkeypatch.setattr(offers, "BUDGET", 0.2)
    service.fault = "silent"
    began = time.monotonic()
    offer = await source.offer("ana")

    assert 0.2 <= time.monotonic() - began < 1.0
    assert (None, False) == (offer.entitlements.as_of, offer.entitlements.stale)


async def test_what_was_never_known_is_empty_and_says_why(source: OfferSource, service: Service) -> None:
    """An empty list is never all there is."""
    service.fault = "connection refused"
    offer = await source.offer("ana")

    assert ((), "accounts: connection refused") == (offer.entitlements.value, offer.entitlements.problem)


async def test_one_persons_answers_are_never_anothers(source: OfferSource, service: Service) -> None:
    """Ben gets nothing of what is kept for ana."""
    await source.offer("ana")
    service.fault = "connection refused"

    assert () == (await source.offer("ben")).entitlements.value


async def test_a_failing_service_is_left_alone_for_a_while(source: OfferSource, service: Service) -> None:
    """After three failures forms are drawn without waiting, and recovery is automatic."""
    service.fault = "connection refused"
    for _ in range(3):
        await source.offer("ana")
    asked = service.asked
    await source.offer("ana")
    still, service.fault, source._rests_until = service.asked, "", 0.0

    assert asked == still
    assert not (await source.offer("ana")).problems


async def test_who_insists_is_not_refused_for_a_service_that_is_slow_or_left_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd that starts on a hub that was just started waits for its answers, one question a person."""
    monkeypatch.setattr(offers, "BUDGET", 0.05)
    source, judged = OfferSource(service, fresh=0.0), service._judge

    async def slowly() -> None:
        await asyncio.sleep(0.2)
        await judged()

    service._judge = slowly  # type: ignore[method-assign]  # a service with much to do
    for person in ("ben", "eva", "kim"):
        assert (await source.offer(person)).problems

    crowd = await asyncio.gather(*(source.offer(f"user{number}", insist=True) for number in range(50)))

    assert {((), ("ncem", "als"))} == {(offer.problems, offer.accounts) for offer in crowd}
    assert (await source.offer("zoe")).problems == tuple(
        f"{what}: the facility service did not answer lately; it is asked again in a moment"
        for what in ("accounts", "reservations", "images")
    )


async def test_a_hub_that_is_busy_with_a_crowd_hears_the_answer_all_the_same(
    source: OfferSource, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn of the hub's event loop takes long, and an answer several turns: that is no fault of the service."""
    monkeypatch.setattr(offers, "INSISTING", 0.3)
    judged, answered = service._judge, asyncio.Event()

    async def in_several_turns() -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        await judged()
        answered.set()

    async def crowd() -> None:
        while not answered.is_set():
            time.sleep(0.15)  # noqa: ASYNC251 - the work of other people's starts
            await asyncio.sleep(0)

    service._judge = in_several_turns  # type: ignore[method-assign]

    found, _ = await asyncio.gather(source.offer("ana", insist=True), crowd())

    assert (found.problems, found.accounts) == ((), ("ncem", "als"))


async def test_a_reservation_that_ended_since_is_not_offered(source: OfferSource, service: Service) -> None:
    """An old answer is judged by the present time."""
    service.ends = datetime.now(UTC) + timedelta(seconds=0.05)
    await source.offer("ana")
    service.fault = "connection refused"
    await until(lambda: datetime.now(UTC) > service.ends)

    assert () == (await source.offer("ana")).reservations.value


async def test_an_answer_that_the_service_calls_old_is_stale(source: OfferSource, service: Service) -> None:
    """The service's own trouble with its database is shown too."""
    service.problem = "accounting: slurmdbd does not answer"

    assert service.problem in (await source.offer("ana")).problems


async def test_answers_are_not_kept_for_ever(
    source: OfferSource, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a day they are worth nothing."""
    await source.offer("ana")
    service.fault = "connection refused"
    monkeypatch.setattr(offers, "KEPT", timedelta(0))

    assert () == (await source.offer("ana")).entitlements.value


async def test_accounts_that_the_service_has_not_heard_of_for_a_day_are_not_offered(
    source: OfferSource, service: Service
) -> None:
    """However good its other answers are: somebody may have left since."""
    service.problem, service.as_of = "accounting: slurmdbd does not answer", datetime.now(UTC) - timedelta(hours=25)
    offer = await source.offer("ana")

    assert ((), True) == (offer.entitlements.value, "slurmdbd does not answer" in offer.entitlements.problem)
    assert offer.reservations.value


async def test_a_service_that_asks_for_time_is_given_it(source: OfferSource, service: Service) -> None:
    """Until then it is not asked once, and the last good offer stands in."""
    before = await source.offer("ana")
    service.fault = "busy"
    await source.offer("ana")
    asked, service.fault = service.asked, ""
    after = await source.offer("ana")

    assert asked == service.asked
    assert (before.entitlements.value, True) == (after.entitlements.value, after.entitlements.stale)


async def test_fifty_questions_in_a_second_are_one_to_the_service(service: Service) -> None:
    """Of each kind and person, whether they come at once or one after the other."""
    source = OfferSource(service)
    at_once = await asyncio.gather(*(source.offer("ana") for _ in range(25)))
    after = [await source.offer("ana") for _ in range(25)]
    await source.offer("ben")

    assert 3 + 3 == service.asked
    assert {offer.accounts for offer in [*at_once, *after]} == {("ncem", "als")}


async def test_one_who_stops_waiting_takes_nobodys_answer_away(service: Service) -> None:
    """The question goes on for whoever asked too."""
    source = OfferSource(service)
    impatient = asyncio.create_task(source.offer("ana"))
    await until(lambda: service.asked == 3)
    patient = asyncio.create_task(source.offer("ana"))
    impatient.cancel()

    assert ("ncem", "als") == (await patient).accounts
    assert 3 == service.asked


async def test_a_page_does_not_wait_for_a_slow_service_whose_answers_are_held(
    source: OfferSource, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form is drawn from what is known; the first form of a person waits the whole budget."""
    await source.offer("ana")
    service.fault = "silent"
    monkeypatch.setattr(offers, "BUDGET", 3600.0)
    drawn = await source.offer("ana", quick=True)
    monkeypatch.setattr(offers, "RECENT", 0.0)
    later = await source.offer("ana", quick=True)

    assert (("ncem", "als"), False) == (drawn.accounts, drawn.entitlements.stale)
    assert (("ncem", "als"), True) == (later.accounts, later.entitlements.stale)


async def test_what_a_page_did_not_wait_for_is_no_fault_of_the_service(
    source: OfferSource, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes back after a while reads that newer answers are coming; however often, the service is not shunned."""
    monkeypatch.setattr(offers, "RECENT", 0.0)
    monkeypatch.setattr(offers, "COMING_BACK", 0.001)
    await source.offer("ana")
    service.fault = "silent"
    drawn = [await source.offer("ana", quick=True) for _ in range(2 * offers.FAILURES_BEFORE_REST)]

    assert {(True, True)} == {(offer.entitlements.stale, offer.entitlements.coming) for offer in drawn}
    assert "a newer answer is on its way" in drawn[-1].problems[0]


async def test_a_service_that_failed_is_not_said_to_be_on_its_way(source: OfferSource, service: Service) -> None:
    """Its own words stand beside what is old."""
    await source.offer("ana")
    service.fault = "gone"
    drawn = await source.offer("ana", quick=True)

    assert (True, False) == (drawn.entitlements.stale, drawn.entitlements.coming)
    assert "gone" in drawn.entitlements.problem


GOOD = {
    "/accounts": Accounts("ana", NOW, (Entitlement("ana", "ncem", ("realtime",)),), (Qos("realtime"),), ()),
    "/reservations": Reservations("ana", NOW, ()),
    "/images": Images("ana", NOW, (Image("none", "none", "No container"),)),
}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>maintenance"),
        (200, b"\x00\xff" * 100),
        (200, b"null"),
        (200, json.dumps({"user": "ana", "as_of": "yesterday", "entitlements": "all"}).encode()),
        (200, json.dumps({"user": "ana", "padding": "x" * 6 * 2**20}).encode()),
        (500, b"Internal Server Error"),
        (502, b""),
        (200, b""),
    ],
    ids=["page", "garbage", "null", "schema", "endless", "500", "502", "empty"],
)
async def test_nonsense_leaves_the_last_good_offer(status: int, body: bytes) -> None:
    """Whatever answers in the service's place: the parts of before, each marked with what is wrong."""
    nonsense = False

    def answer(request: httpx.Request) -> httpx.Response:
        if nonsense:
            return httpx.Response(status, content=body)
        return httpx.Response(200, json=encode(GOOD[request.url.path]))

    async def token() -> str:
        return "t1"

    client = FacilityClient("http://facility", token, Patience(tries=1), httpx.MockTransport(answer))
    async with client:
        source = OfferSource(client, fresh=0.0)
        before = await source.offer("ana")
        nonsense = True
        after = await source.offer("ana")

    assert (("ncem",), ()) == (before.accounts, before.problems)
    assert (before.entitlements.value, before.images.value) == (after.entitlements.value, after.images.value)
    assert (True, 3) == (after.entitlements.stale, len(after.problems))
