"""Callbacks as the routes and other services use them: subscribe, hear, tell."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from facility.callbacks import Delivery, Subscription, SubscriptionState
from facility.errors import FacilityError, NotAllowed, OptionError, StoreFailed
from facility.models import Job
from facility.profile import Profile
from facility.service.accounts.people import check_person
from facility.service.callbacks.delivering import Delivering
from facility.service.callbacks.delivery_store import DeliveryStore
from facility.service.callbacks.egress import Egress, Resolve, system_resolve
from facility.service.callbacks.mailing import Mailer
from facility.service.callbacks.overdue import overdue
from facility.service.callbacks.sending import Sender
from facility.service.callbacks.subscription_store import SubscriptionStore
from facility.service.callbacks.wishes import listens, read_events, read_filter, wants
from facility.service.clock import Clock
from facility.service.database import Database
from facility.service.events.happenings import FINAL_JOB_EVENTS, Happening, job_event, job_happening
from facility.service.scheduler.ledger import Noted

log = logging.getLogger(__name__)

RELOAD = 10.0  # seconds after which subscriptions that another process stored are known here
MOST_HEARD = 50_000  # happenings that wait to be stored; more at once only while the database cannot be written
BATCH = 500
RETRY = 2.0  # seconds until the database is tried again
PING = "callback.ping"


@dataclass(frozen=True)
class CallbackStores:
    """Where callbacks are kept."""

    subscriptions: SubscriptionStore
    deliveries: DeliveryStore


class Callbacks:
    """Who wants to be told, and telling them. `hear` takes every happening; `run` stores and sends."""

    def __init__(
        self,
        profile: Profile,
        database: Database,
        clock: Clock,
        job: Callable[[str], Job | None],
        resolve: Resolve = system_resolve,
    ) -> None:
        facts = profile.service.callbacks
        self._profile = profile
        self._clock = clock
        self._job = job
        self._egress = Egress.of(facts.http, facts.allowed)
        self._resolve = resolve
        self._mailer = Mailer(facts.sendmail, facts.mail_domain)
        self._sender = Sender(self._egress, resolve=resolve)
        self.stores = CallbackStores(SubscriptionStore(database), DeliveryStore(database))
        self._delivering = Delivering(
            self.stores.subscriptions, self.stores.deliveries, self._sender, self._mailer, clock
        )
        self._active: dict[str, list[Subscription]] = {}
        self._heard: deque[Happening] = deque(maxlen=MOST_HEARD)
        self._something = asyncio.Event()
        self._reading = asyncio.Lock()
        self.watched = self._delivering.watched

    async def subscribe(
        self, owner: str, url: str, events: tuple[str, ...], filter_: Mapping[str, str], email: str = ""
    ) -> Subscription:
        """Be told of `events` at a URL, or by e-mail to one's own account; the answer holds the secret, this once.

        Raises OptionError naming what is wrong with the wish, and Unreachable where the host cannot be found.
        """
        target = await self._target(owner, url, email)
        add, wanted = self.stores.subscriptions.add, (read_events(events), read_filter(filter_))
        made = await asyncio.to_thread(add, owner, target, *wanted, self._clock.now())
        await self.reload()
        return made

    async def check(self, owner: str, *, url: str = "", email: str = "") -> None:
        """Whether the owner could be told there. Raises like `subscribe`."""
        await self._target(owner, url, email)

    async def for_job(
        self,
        owner: str,
        job_id: str,
        *,
        url: str = "",
        email: str = "",
        events: tuple[str, ...] = FINAL_JOB_EVENTS,
        timeout: float = 0.0,
    ) -> Subscription:
        """Be told of one job from its submission on; the subscription ends with it. Raises like `subscribe`.

        `timeout` (seconds; 0: none) ends it earlier, by telling how the job is then.
        """
        target, now = await self._target(owner, url, email), self._clock.now()
        until = now + timedelta(seconds=timeout) if timeout else None
        add = self.stores.subscriptions.add
        made = await asyncio.to_thread(add, owner, target, read_events(events), {}, now, job_id, until)
        await self.reload()
        known = self._job(job_id)
        if known and (happening := job_happening(known, self._clock.now())):
            self.hear(happening)  # it may have been told before anybody listened
        return made

    async def ping(self, id_: str, owner: str) -> Delivery:
        """Tell a test event to one subscription. Raises NotFound."""
        subscription = await asyncio.to_thread(self.stores.subscriptions.get, id_, owner)
        now = self._clock.now()
        if subscription.state is not SubscriptionState.ACTIVE:
            raise OptionError("callback", f"it is {subscription.state} and hears no more; make a new one")
        data = {"words": "This is a test. Nothing happened."}
        test = Happening(PING, (owner,), data, now, f"ping:{uuid.uuid4()}")
        await asyncio.to_thread(self.stores.deliveries.add, [(id_, owner, test)], now)
        self._delivering.wake()
        told = await asyncio.to_thread(self.stores.deliveries.find, id_, owner)
        return next(delivery for delivery in told if delivery.event == PING)

    async def send_again(self, delivery: str, id_: str, owner: str) -> Delivery:
        """Let a delivery begin anew under its own id. Raises NotFound, and Refused while it waits anyway."""
        found = await asyncio.to_thread(self.stores.deliveries.send_again, delivery, id_, owner, self._clock.now())
        self._delivering.wake()
        return found

    async def remove(self, id_: str, owner: str) -> None:
        """Forget a subscription with everything that waits for it. Raises NotFound."""
        await asyncio.to_thread(self.stores.subscriptions.remove, id_, owner)
        await self.reload()

    def hear(self, happening: Happening) -> None:
        """Take note of a happening; it is stored as soon as the database takes it. Never waits."""
        if not happening.users or not self._active.keys().isdisjoint(happening.users):
            self._heard.append(happening)
            self._something.set()

    def hear_jobs(self, changes: Iterable[Noted]) -> None:
        """Take note of what changes of jobs mean, for those who want to be told."""
        now = self._clock.now()
        for noted in changes:
            own = self._active.get(noted.user)
            found = job_event(noted.change.job, now) if own and noted.change.job else None
            # a service that starts sees every job of the queue as a change: most are no news to anybody
            if own and found and noted.change.job and any(listens(each, *found) for each in own):
                happening = job_happening(noted.change.job, now)
                if happening:
                    self.hear(happening)

    @property
    def owners(self) -> frozenset[str]:
        """Everybody who has a subscription that hears."""
        return frozenset(self._active)

    async def mark(self, name: str, at: datetime) -> None:
        """Remember a time over restarts."""
        await asyncio.to_thread(self.stores.subscriptions.mark, name, at)

    async def marked(self, name: str) -> datetime | None:
        """The time remembered under a name; None where there is none."""
        return await asyncio.to_thread(self.stores.subscriptions.marked, name)

    async def reload(self) -> None:
        """Know the subscriptions as they are stored; those of people whom the service no longer serves hear nothing."""
        async with self._reading:  # of two that read at once the older answer must not be the one that stays
            self._active = await asyncio.to_thread(self._load)

    async def run(self) -> None:
        """Store what is heard and send what is stored, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._delivering.run())
                tasks.create_task(self._keep_reloading())
                tasks.create_task(self._keep_storing())
        finally:
            await self._sender.aclose()

    async def _target(self, owner: str, url: str, email: str) -> str:
        if bool(url) == bool(email):
            raise OptionError("url", "give a url or an email, not both and not neither")
        if email:
            return self._mailer.address(owner, email)
        parts = self._egress.check_url(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        await self._egress.addresses(str(parts.hostname), port, self._resolve)
        return url

    def _load(self) -> dict[str, list[Subscription]]:
        by_owner: dict[str, list[Subscription]] = {}
        for subscription in self.stores.subscriptions.active():
            by_owner.setdefault(subscription.owner, []).append(subscription)
        return {owner: found for owner, found in by_owner.items() if self._serves(owner)}

    def _serves(self, owner: str) -> bool:
        try:
            check_person(owner, self._profile)
        except NotAllowed:
            return False
        return True

    async def _keep_reloading(self) -> None:
        while True:
            try:
                await self.reload()
                await self._tell_overdue()
            except StoreFailed as error:
                log.warning("subscriptions are as they were: %s", error)
            await self._clock.sleep(RELOAD)

    async def _tell_overdue(self) -> None:
        """Tell those whose time has come how their job is, and let them hear no more."""
        now, active = self._clock.now(), [found for held in self._active.values() for found in held]
        if due := overdue(active, self._job, now):
            await asyncio.to_thread(self.stores.deliveries.add, due, now)
            self._delivering.wake()
            await self._finish(id_ for id_, *_ in due)

    async def _keep_storing(self) -> None:
        """Write what was heard, in its order; what cannot be written stays in front and is tried again."""
        while True:
            await self._something.wait()
            batch = [self._heard[at] for at in range(min(BATCH, len(self._heard)))]
            try:
                await self._store(batch)
            except FacilityError as error:
                log.warning("%d happenings wait to be stored: %s", len(self._heard), error)
                await self._clock.sleep(RETRY)
                continue
            for happening in batch:
                if self._heard[0] is happening:  # unless it gave way to newer ones meanwhile
                    self._heard.popleft()
            if not self._heard:
                self._something.clear()

    async def _store(self, batch: list[Happening]) -> None:
        wanted, ended = list[tuple[str, str, Happening]](), set[str]()
        for happening in batch:
            for subscription in self._interested(happening):
                wanted.append((subscription.id, subscription.owner, happening))
                if subscription.job_id and happening.event in FINAL_JOB_EVENTS:
                    ended.add(subscription.id)
        if wanted:
            await asyncio.to_thread(self.stores.deliveries.add, wanted, self._clock.now())
            self._delivering.wake()
        if ended:
            await self._finish(ended)

    async def _finish(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            await asyncio.to_thread(self.stores.subscriptions.end, id_, SubscriptionState.FINISHED)
        await self.reload()

    def _interested(self, happening: Happening) -> list[Subscription]:
        owners = happening.users or tuple(self._active)
        held = [subscription for owner in owners for subscription in self._active.get(owner, [])]
        return [subscription for subscription in held if wants(subscription, happening)]
