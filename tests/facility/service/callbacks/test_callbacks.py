"""Telling a real receiver what happened: once each, signed, again after failures, and nobody else's."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from facility.callbacks import Delivery, Subscription, SubscriptionState
from facility.errors import NotFound, OptionError, Refused, StoreFailed
from facility.models import Job, JobState
from facility.service.callbacks.delivering import PAUSES
from facility.service.callbacks.delivery_store import LEASE, MOST_WAITING
from facility.service.callbacks.service import Callbacks
from facility.service.callbacks.subscription_store import MOST_SUBSCRIPTIONS
from facility.service.events.happenings import Happening, job_happening
from facility.testing import until

from .conftest import MovedClock, Receiver, at_work

Happen = Callable[..., Happening]


async def settled(callbacks: Callbacks, id_: str, owner: str, state: str, count: int = 1) -> list[Delivery]:
    """The deliveries in a state, as soon as there are so many."""
    find = callbacks.stores.deliveries.find
    await until(lambda: len(find(id_, owner, state)) >= count)
    return find(id_, owner, state)


async def attempted(callbacks: Callbacks, id_: str, owner: str, count: int) -> Delivery:
    """The one delivery once so many of its attempts are noted."""
    deliveries = callbacks.stores.deliveries
    await until(lambda: bool(deliveries.find(id_, owner)))
    [found] = deliveries.find(id_, owner)
    await until(lambda: len(deliveries.get(found.id, id_, owner).log) == count)
    return deliveries.get(found.id, id_, owner)


async def test_an_event_arrives_signed(callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen) -> None:
    """The library of Standard Webhooks verifies it with the secret that was given once."""
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen("job.completed", name="scan"))
    [request] = await receiver.wait(1)

    told = Webhook(made.secret).verify(request.body, request.headers)
    assert ("job.completed", 1, "scan") == (told["type"], told["sequence"], told["data"]["name"])
    assert "secret" not in repr(made)


async def test_the_same_thing_told_twice_arrives_once(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen
) -> None:
    """Whichever process tells of it, and after every restart."""
    await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    for cause in ("same", "same", "other"):
        callbacks.hear(happen(cause=cause))

    assert [1, 2] == sorted(request.event["sequence"] for request in await receiver.wait(2))


async def test_a_receiver_that_was_dead_gets_it_later_under_the_same_id(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """At least once: every attempt is in the log, the id never changes, the time of signing does."""
    receiver.status = 500
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen())
    for count in (1, 2):
        await attempted(callbacks, made.id, person, count)
        receiver.status = 500 if count == 1 else 204
        clock.move(PAUSES[count - 1] * 1.3)

    delivery = await attempted(callbacks, made.id, person, 3)
    assert ("delivered", [500, 500, 204]) == (delivery.state, [attempt.status for attempt in delivery.log])
    assert 1 == len({request.headers["webhook-id"] for request in receiver.requests})


async def test_what_is_never_taken_is_dead_and_can_be_sent_again(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """After five seconds, then ever longer, up to a day; the owner sends it again under the same id."""
    receiver.status = 503
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen())
    for count, pause in enumerate(PAUSES, 1):
        await receiver.wait(count)
        waiting = await attempted(callbacks, made.id, person, count)
        assert 1.0 <= (waiting.next_at - waiting.updated).total_seconds() / pause <= 1.2
        clock.move(pause * 1.3)
    [dead] = await settled(callbacks, made.id, person, "dead")
    receiver.status = 200
    await callbacks.send_again(dead.id, made.id, person)

    assert (len(PAUSES) + 1, 503) == (dead.attempts, dead.last_status)
    assert dead.id == (await settled(callbacks, made.id, person, "delivered"))[0].id
    assert (5.0, 24 * 3600.0) == (PAUSES[0], PAUSES[-1])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    callbacks: Callbacks, receiver: Receiver, other_receiver: Receiver, person: str, happen: Happen, status: int
) -> None:
    """It counts as a failure and says so in the log."""
    receiver.status, receiver.header = status, f"location: {other_receiver.url}"
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen())
    delivery = await attempted(callbacks, made.id, person, 1)

    assert "redirects are not followed" in delivery.last_error
    assert [] == other_receiver.requests


async def test_a_slow_receiver_holds_up_nobody_else(
    callbacks: Callbacks, receiver: Receiver, other_receiver: Receiver, person: str, happen: Happen
) -> None:
    """Its attempts wait for their ten seconds; another subscription is told at once."""
    receiver.status = 0
    await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    await callbacks.subscribe(person, other_receiver.url, ("job.*",), {})
    callbacks.hear(happen())

    assert "job.completed" == (await other_receiver.wait(1))[0].event["type"]


async def test_a_long_answer_is_not_read_to_its_end(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen
) -> None:
    """Its status counts."""
    receiver.status, receiver.reply = 200, b"x" * 5_000_000
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen())

    assert 200 == (await settled(callbacks, made.id, person, "delivered"))[0].last_status


async def test_gone_unsubscribes(callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen) -> None:
    """410 ends the subscription and what waits for it."""
    receiver.status = 410
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    callbacks.hear(happen())
    get = callbacks.stores.subscriptions.get
    await until(lambda: get(made.id, person).state is SubscriptionState.UNSUBSCRIBED)

    assert "dead" == callbacks.stores.deliveries.find(made.id, person)[0].state
    await callbacks.reload()
    assert frozenset() == callbacks.owners


async def test_a_replaced_secret_signs_for_a_day_more(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """Two signatures, so that a receiver may change over at its own time; then one."""
    old = await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    new = callbacks.stores.subscriptions.replace_secret(old.id, person, clock.now())
    callbacks.hear(happen(cause="1"))
    await receiver.wait(1)
    clock.move(25 * 3600)
    callbacks.hear(happen(cause="2"))
    first, *_, second = await receiver.wait(2)  # a day apart; delivery is at least once

    for secret in (old.secret, new.secret):
        Webhook(secret).verify(first.body, first.headers)
    assert [2, 1] == [len(request.headers["webhook-signature"].split()) for request in (first, second)]


async def test_of_two_readings_of_the_subscriptions_at_once_the_newer_one_stays(
    idle: Callbacks, receiver: Receiver, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that began before a subscription was stored, and is slow, does not make it unheard."""
    real, begun, go = idle.stores.subscriptions.active, threading.Event(), threading.Event()

    def slow() -> list[Subscription]:
        found = real()
        if not begun.is_set():
            begun.set()
            go.wait(60)
        return found

    monkeypatch.setattr(idle.stores.subscriptions, "active", slow)
    early = asyncio.create_task(idle.reload())
    await asyncio.to_thread(begun.wait, 60)
    made = asyncio.create_task(idle.subscribe(person, receiver.url, ("job.*",), {}))
    await until(lambda: bool(idle.stores.subscriptions.find(person)))
    await asyncio.wait({made}, timeout=0.2)  # time enough to overtake the early one, if that could be
    go.set()
    await asyncio.gather(early, made)

    assert {person} == idle.owners


async def test_a_cause_of_any_length_is_told_once(
    idle: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """What names a happening may be longer than what the database keeps of it."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    told = [idle.stores.deliveries.add([(made.id, person, happen(cause="x" * 300))], clock.now()) for _ in range(2)]

    assert [1, 0] == told


async def test_what_a_dead_process_held_is_sent_again(
    idle: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """Its claim ends with the lease, and the next process takes it up."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    idle.stores.deliveries.add([(made.id, person, happen())], clock.now())
    assert idle.stores.deliveries.claim(clock.now(), [])
    assert idle.stores.deliveries.claim(clock.now(), []) is None
    clock.move(LEASE.total_seconds() + 1)
    async with at_work(idle):
        await receiver.wait(1)

    assert 1 == len(receiver.requests)


async def test_only_what_was_asked_for_is_told(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """The event, the filter, the owner, and not what happened before."""
    await callbacks.subscribe(person, receiver.url, ("job.failed", "resource.*"), {"account": "ncem"})
    for happening in (
        happen("job.completed", "1", account="ncem"),
        happen("job.failed", "2", account="als"),
        happen("job.failed", "3", ("somebody",), account="ncem"),
        Happening("job.failed", (person,), {"account": "ncem"}, clock.now() - timedelta(minutes=5), "4"),
        happen("job.failed", "5", account="ncem"),
        happen("resource.status", "6", (), account="ncem"),
    ):
        callbacks.hear(happening)

    assert {"job.failed", "resource.status"} == {request.event["type"] for request in await receiver.wait(2)}


async def test_one_jobs_callback_ends_with_the_job(
    callbacks: Callbacks, receiver: Receiver, person: str, make_job: Callable[..., Job], clock: MovedClock
) -> None:
    """Other jobs are not told of; what the ledger knew before is."""
    made = await callbacks.for_job(person, "7", url=receiver.url)
    for id_ in ("8", "7"):
        job = make_job(id_, user=person, state=JobState.COMPLETED, ends=clock.now())
        callbacks.hear(job_happening(job, clock.now()))
    [request] = await receiver.wait(1)
    get = callbacks.stores.subscriptions.get
    await until(lambda: get(made.id, person).state is SubscriptionState.FINISHED)

    assert ("job.completed", "7") == (request.event["type"], request.event["data"]["id"])


async def test_a_job_that_ended_before_its_callback_was_made_is_told(
    callbacks: Callbacks, receiver: Receiver, person: str, make_job: Callable[..., Job], known_jobs: dict[str, Job]
) -> None:
    """A short job may end between its submission and the subscription."""
    known_jobs["7"] = make_job("7", user=person, state=JobState.TIMEOUT)
    await callbacks.for_job(person, "7", url=receiver.url)

    assert "job.timeout" == (await receiver.wait(1))[0].event["type"]


@pytest.mark.parametrize(("state", "event"), [(JobState.PENDING, "job.pending"), (JobState.SUSPENDED, "job.running")])
async def test_a_callback_with_a_time_tells_by_then_how_the_job_is(
    callbacks: Callbacks,
    receiver: Receiver,
    person: str,
    make_job: Callable[..., Job],
    known_jobs: dict[str, Job],
    clock: MovedClock,
    state: JobState,
    event: str,
) -> None:
    """Once, and then no more; one without a time goes on waiting."""
    known_jobs["7"] = make_job("7", user=person, state=state)
    made = await callbacks.for_job(person, "7", url=receiver.url, timeout=600)
    patient = await callbacks.for_job(person, "7", url=receiver.url)
    clock.move(601)
    [request] = await receiver.wait(1, 30)
    get = callbacks.stores.subscriptions.get
    await until(lambda: get(made.id, person).state is SubscriptionState.FINISHED, 30)

    assert (made.id, event, "7") == (request.event["callback"], request.event["type"], request.event["data"]["id"])
    assert SubscriptionState.ACTIVE is get(patient.id, person).state


async def test_a_ping_arrives(callbacks: Callbacks, receiver: Receiver, person: str) -> None:
    """Whatever the subscription's events are."""
    made = await callbacks.subscribe(person, receiver.url, ("transfer.failed",), {})
    delivery = await callbacks.ping(made.id, person)

    [request] = await receiver.wait(1)
    assert ("callback.ping", delivery.id) == (request.event["type"], request.headers["webhook-id"])


async def test_a_subscription_is_its_owners_alone(callbacks: Callbacks, receiver: Receiver, person: str) -> None:
    """To everybody else it reads as none."""
    made = await callbacks.subscribe(person, receiver.url, ("job.*",), {})

    for act in (callbacks.ping, callbacks.remove):
        with pytest.raises(NotFound):
            await act(made.id, "somebody")


async def test_a_delivery_that_waits_is_not_sent_again(
    idle: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """It is sent anyway."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    idle.stores.deliveries.add([(made.id, person, happen())], clock.now())
    [delivery] = idle.stores.deliveries.find(made.id, person)

    with pytest.raises(Refused, match="still waits"):
        await idle.send_again(delivery.id, made.id, person)


async def test_there_are_limits_for_each_owner(
    idle: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """Too many subscriptions are refused; too many waiting deliveries leave a gap in the sequence that is counted."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    for _ in range(MOST_SUBSCRIPTIONS - 1):
        await idle.subscribe(person, receiver.url, ("job.*",), {})
    with pytest.raises(OptionError, match="remove one first"):
        await idle.subscribe(person, receiver.url, ("job.*",), {})
    flood = [(made.id, person, happen(cause=str(n))) for n in range(MOST_WAITING + 5)]

    assert MOST_WAITING == idle.stores.deliveries.add(flood, clock.now())
    found = idle.stores.subscriptions.get(made.id, person)
    assert (MOST_WAITING + 5, 5) == (found.sequence, found.dropped)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"events": ("job.finished",)}, "events: 'job.finished' is none of"),
        ({"events": ()}, "events: name at least one"),
        ({"filter_": {"uid": "0"}}, "filter: 'uid'"),
        ({"url": "http://127.0.0.2/x"}, "url: 127.0.0.2 is at an address"),
        ({"url": "", "email": ""}, "url: give a url or an email"),
        ({"url": "", "email": "ana@elsewhere.example"}, "email: this facility sends no e-mail"),
    ],
)
async def test_a_wrong_wish_is_refused(idle: Callbacks, person: str, wish: dict[str, object], words: str) -> None:
    """Naming the field and what it should be."""
    asked = {"url": "http://127.0.0.1:9/x", "events": ("job.*",), "filter_": {}} | wish
    with pytest.raises(OptionError) as refusal:
        await idle.subscribe(person, **asked)

    assert str(refusal.value).startswith(words)


async def test_old_deliveries_are_forgotten(
    idle: Callbacks, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """After thirty days; those that wait stay."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    idle.stores.deliveries.add([(made.id, person, happen(cause=c)) for c in "ab"], clock.now())
    idle.stores.deliveries.give_up(made.id, "test", clock.now())
    idle.stores.deliveries.add([(made.id, person, happen(cause="c"))], clock.now())
    clock.move(31 * 86400)
    idle.stores.deliveries.prune(clock.now())

    assert ["waiting"] == [delivery.state for delivery in idle.stores.deliveries.find(made.id, person)]


async def test_after_kill_9_another_process_goes_on(
    idle: Callbacks, database_address: str, receiver: Receiver, person: str, happen: Happen, clock: MovedClock
) -> None:
    """A process that claimed a delivery and died without a word leaves it to the next, under the same id."""
    made = await idle.subscribe(person, receiver.url, ("job.*",), {})
    idle.stores.deliveries.add([(made.id, person, happen())], clock.now())
    claiming = (
        "import sys, time; from datetime import UTC, datetime; from facility.service.database import Database;"
        "from facility.service.callbacks.delivery_store import DeliveryStore;"
        "claimed = DeliveryStore(Database(sys.argv[1], 'service')).claim(datetime.now(UTC), []);"
        "print(claimed[0].id, flush=True); time.sleep(600)"
    )
    line = [sys.executable, "-c", claiming, database_address]
    process = await asyncio.create_subprocess_exec(*line, stdout=asyncio.subprocess.PIPE)
    id_ = (await process.stdout.readline()).decode().strip()
    process.kill()
    await process.communicate()
    clock.move(LEASE.total_seconds() + 1)
    async with at_work(idle):
        [request] = await receiver.wait(1)

    assert id_ == request.headers["webhook-id"]


async def test_what_is_heard_while_the_disk_is_full_is_told_later(
    callbacks: Callbacks, receiver: Receiver, person: str, happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, and nobody waits for it."""
    await callbacks.subscribe(person, receiver.url, ("job.*",), {})
    add, refused = callbacks.stores.deliveries.add, asyncio.Event()

    def full(*_: object) -> int:
        refused.set()
        raise StoreFailed("the service database cannot be written: disk full")

    monkeypatch.setattr(callbacks.stores.deliveries, "add", full)
    callbacks.hear(happen())
    await refused.wait()
    monkeypatch.setattr(callbacks.stores.deliveries, "add", add)

    assert 1 == len(await receiver.wait(1))
