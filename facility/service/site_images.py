"""The images of one system from all its catalogues, each asked in the background and kept when it does not answer."""

from __future__ import annotations

import asyncio
import dataclasses
import pwd

from facility.answers import Images, WithheldImage
from facility.errors import NotFound, Unreachable
from facility.image_facts import ImageCatalogue
from facility.images import Found, StaticCatalogue
from facility.images.drivers import driver_of
from facility.images.judge import image_of, why_not
from facility.profile import System
from facility.providers.slurm.provider import slurm_environment
from facility.providers.slurm.run import DirectRunner, Runner
from facility.service.clock import Clock
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.facts import Fact


class SiteImages:
    """The listed images and those of every `image_catalogues` of a system; see `Catalogue`.

    Catalogues are asked as whoever the service runs as; another `runner` may take that place.
    """

    def __init__(self, system: System, clock: Clock, runner: Runner | None = None) -> None:
        runner = runner or DirectRunner(slurm_environment(system))
        self._listed = StaticCatalogue(system)
        self._set_up = frozenset(system.containers)
        self._asked = tuple((facts, _fact(facts, runner, clock)) for facts in system.image_catalogues)
        self.watched = tuple(fact.watched for _, fact in self._asked)

    async def keep(self, budget: Budget) -> None:
        """Ask every catalogue for ever."""
        async with asyncio.TaskGroup() as tasks:
            for _, fact in self._asked:
                tasks.create_task(fact.keep(budget))

    async def images(self, user: str) -> Images:
        """See `Catalogue.images`. A catalogue that never answered is told in `problem`; the others are not held up."""
        answer = await self._listed.images(user)
        if not self._asked:
            return answer
        uid, gid = await asyncio.to_thread(_ids, user)
        offered, withheld, problems, oldest = list(answer.images), list(answer.withheld), [], answer.as_of
        for facts, fact in self._asked:
            try:
                known = await fact.known()
            except Unreachable as error:
                problems.append(str(error))
                continue
            oldest = min(oldest, known.as_of)
            problems += [known.problem] if known.problem else []
            for found in known.value:
                if found.is_for(uid, gid):
                    image = image_of(found, facts)
                    reason = why_not(image, self._set_up, found.why_not)
                    withheld += [WithheldImage(image, reason)] if reason else []
                    offered += [] if reason else [image]
        words = "; ".join(problems)
        return dataclasses.replace(answer, as_of=oldest, images=tuple(offered), withheld=tuple(withheld), problem=words)


def _fact(facts: ImageCatalogue, runner: Runner, clock: Clock) -> Fact[tuple[Found, ...]]:
    return Fact(f"images of {facts.driver}", driver_of(facts, runner).found, facts.keep_seconds, 0, clock)


def _ids(user: str) -> tuple[int, int]:
    """Uid and primary group: what Shifter's gateway compares too."""
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise NotFound(f"{user!r} is no local account here") from error
    return account.pw_uid, account.pw_gid
