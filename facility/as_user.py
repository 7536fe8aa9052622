"""Acting for a person: through the root helper where there are many users, directly where there is one.

Everything that is done in a person's name is one verb of the worker (`facility.service.as_user.worker`), with arguments
that are a list of texts. `acting` is for a hub, whose own user may call a few verbs for everybody; `Agents` is for the
service, which acts on a `Mandate` only and asks identity for a grant before each act.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from facility.conversation import Conversation, conversation
from facility.errors import Busy, HomeRefused, NotAllowed, Refused, Unreachable
from facility.profile import AsUser, Profile, System
from facility.providers.slurm.provider import slurm_environment
from facility.providers.slurm.run import Completed, DirectRunner, current_user
from facility.providers.slurm.will_run import TEST_ONLY
from facility.rclone_program import find_rclone
from facility.service.as_user import worker as as_user_worker
from facility.service.caller import Mandate

GRACE = 15.0
"""Seconds that an act may take beyond its own limit; what runs too long is ended by the worker itself."""

STREAM = "stream"
"""The digest of an input that is not known beforehand."""

MOST_EACH, MOST = 8, 64
"""Acts at the same time: of one person, and of everybody."""

SHORT = 30.0
"""Seconds for what touches no large file."""

WORKER = Path(as_user_worker.__file__).parent


class Grants(Protocol):
    """Leave for one act, made by identity from a mandate, used once within a minute."""

    async def grant(self, mandate: Mandate, verb: str, digest: str) -> str:
        """The grant. Raises NotSignedIn where the mandate has ended, Refused where it does not reach so far."""
        ...


class Way(Protocol):
    """How a worker comes to run as somebody."""

    def start(
        self, mandate: Mandate, verb: str, arguments: Sequence[str], digest: str, timeout: float
    ) -> AbstractAsyncContextManager[Conversation]:
        """The act, under way for as long as the block lasts."""
        ...


class Acting:
    """What is done in one person's name, or, for a hub, in the name of whom the hub says."""

    def __init__(self, way: Way, direct: DirectRunner, mandate: Mandate | None = None) -> None:
        self._way = way
        self._direct = direct
        self._mandate = mandate

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`; for a person only the worker's verbs can be run, questions that need none run directly."""
        if user is None:
            return await self._direct.run(argv, user=None, stdin=stdin, timeout=timeout)
        return await self.act(verb_of(argv), argv[1:], user=user, stdin=stdin, timeout=timeout)

    def with_claim(self, name: str, secret: bytes) -> WithClaim:
        """How sbatch runs for a job that gets a secret (`facility.places.claim_path`)."""
        return WithClaim(self, name, secret)

    async def tail_log(self, user: str, name: str, lines: int = 50) -> bytes:
        """The last lines of a job's log (`facility.places.log_path`). Raises NotFound where there is none."""
        return (await self.act("tail-log", [name, str(lines)], user=user, timeout=SHORT)).stdout

    async def command(self, text: str, *, timeout: float = 600.0) -> Completed:
        """Run one text in the person's own login shell; 4 MiB of what it prints come back.

        Raises Refused where the site does not run commands, and Unreachable for one that does not end in time.
        """
        return await self.act("command", [text], timeout=timeout)

    async def act(
        self, verb: str, arguments: Sequence[str], *, user: str = "", stdin: bytes = b"", timeout: float
    ) -> Completed:
        """Do one thing and wait for its end."""
        found = {"out": bytearray(), "err": bytearray()}
        digest = hashlib.sha256(stdin).hexdigest() if stdin else ""
        try:
            async with asyncio.timeout(timeout + GRACE), self.start(verb, arguments, digest, timeout, user) as going:
                await going.send(_once(stdin))
                async for channel, piece in going.pieces():
                    found[channel] += piece
        except TimeoutError as error:
            raise Unreachable(f"{verb} gave no answer within {timeout:g} s and was ended") from error
        return Completed(going.returncode, bytes(found["out"]), bytes(found["err"]))

    @asynccontextmanager
    async def start(
        self, verb: str, arguments: Sequence[str], digest: str, timeout: float, user: str = ""
    ) -> AsyncIterator[Conversation]:
        """One thing under way: send its input, then read its pieces. `digest`: of the input, STREAM, or "" for none.

        Leaving the block early ends it, and takes back what is half done.
        """
        mandate = self._mandate or Mandate(user)
        if user not in ("", mandate.user):
            raise NotAllowed(f"this was allowed by {mandate.user}, and is not done for {user}")
        async with self._way.start(mandate, verb, list(arguments), digest, timeout) as going:
            yield going


class WithClaim:
    """Runs sbatch once the job's claim secret lies where only its user reads it; both are one act."""

    def __init__(self, acting: Acting, name: str, secret: bytes) -> None:
        self._acting = acting
        self._name = name
        self._secret = secret

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`; for sbatch alone.

        Raises HomeRefused where the secret cannot be written, or where no server would find room to begin.
        """
        if user is None or verb_of(argv) != "sbatch":
            raise NotAllowed("a claim is written for a person's job that is handed in, and for nothing else")
        both = self._secret + b"\0" + stdin
        try:
            return await self._acting.act("put-claim", [self._name, *argv[1:]], user=user, stdin=both, timeout=timeout)
        except Refused as error:
            words = f"your home directory does not take the files of a job ({error}); nothing was submitted."
            raise HomeRefused(words) from error


class HelperWay:
    """Through the root helper, with a grant for each act where `grants` gives one."""

    def __init__(self, facts: AsUser, environment: Mapping[str, str], grants: Grants | None = None) -> None:
        self._facts = facts
        self._environment = {"PATH": environment["PATH"], "LC_ALL": "C.UTF-8"}
        self._grants = grants

    @asynccontextmanager
    async def start(
        self, mandate: Mandate, verb: str, arguments: Sequence[str], digest: str, timeout: float
    ) -> AsyncIterator[Conversation]:
        """See `Way.start`."""
        # what is granted holds the digest of the input too, so that a granted script is the one that is submitted
        said = _digest([*arguments, digest])
        grant = await self._grants.grant(mandate, verb, said) if self._grants else ""
        request = {"user": mandate.user, "grant": grant} | _request(verb, arguments, digest, timeout)
        told = json.dumps(request).encode()
        async with conversation(self._facts.helper, told, environment=self._environment) as going:
            yield going


class DirectWay:
    """As the one user that we are; refuses to act for anybody else."""

    def __init__(self, commands: Mapping[str, str], environment: Mapping[str, str], *, shell: bool) -> None:
        self._site = {"commands": dict(commands), "environment": dict(environment), "roots": [], "shell": shell}
        self._environment = environment

    @asynccontextmanager
    async def start(
        self, mandate: Mandate, verb: str, arguments: Sequence[str], digest: str, timeout: float
    ) -> AsyncIterator[Conversation]:
        """See `Way.start`."""
        if mandate.user != current_user():
            me = current_user()
            raise NotAllowed(f"this runs as {me} and cannot act for {mandate.user}; set as_user in facility.toml")
        request = json.dumps(_request(verb, arguments, digest, timeout) | self._site).encode()
        with _memory(request) as handle:
            argv = [sys.executable, "-IS", str(WORKER), str(handle)]
            async with conversation(argv, environment=self._environment, keep=(handle,)) as going:
                yield going


class LimitedWay:
    """Another way, for so many acts at once: of one person, and of everybody."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._busy: Counter[str] = Counter()

    @asynccontextmanager
    async def start(
        self, mandate: Mandate, verb: str, arguments: Sequence[str], digest: str, timeout: float
    ) -> AsyncIterator[Conversation]:
        """See `Way.start`. Raises Busy."""
        if self._busy[mandate.user] >= MOST_EACH or self._busy.total() >= MOST:
            raise Busy(f"{self._busy[mandate.user]} things are being done for {mandate.user} already", 2.0)
        self._busy[mandate.user] += 1
        try:
            async with self._way.start(mandate, verb, arguments, digest, timeout) as going:
                yield going
        finally:
            self._busy[mandate.user] -= 1
            self._busy += Counter()  # forgets who has nothing under way


class Agents:
    """Acts for people on their mandates, at one site."""

    def __init__(self, profile: Profile, grants: Grants) -> None:
        environment = slurm_environment(profile.system)
        self._direct = DirectRunner(environment)
        self._way = LimitedWay(way_of(profile, profile.system, grants))

    def acting_for(self, mandate: Mandate) -> Acting:
        """What may be done in the name of whom the mandate is of."""
        return Acting(self._way, self._direct, mandate)


def acting(profile: Profile, system: System | None = None) -> Acting:
    """The way for a hub: whoever it names, through the helper without grants, or the one user that runs everything."""
    found = system or profile.system
    return Acting(way_of(profile, found), DirectRunner(slurm_environment(found)))


def way_of(profile: Profile, system: System, grants: Grants | None = None) -> Way:
    """The helper of `[as_user]`, or the one user that runs everything."""
    environment = slurm_environment(system)
    if profile.as_user:
        return HelperWay(profile.as_user, environment, grants)
    commands = system.commands.model_dump() | {"rclone": find_rclone(profile.service.rclone)}
    environment |= {"RCLONE_CONFIG": profile.service.rclone_config}  # empty: none, not even the person's own
    return DirectWay(commands, environment, shell="commands" in profile.service.ceiling)


def verb_of(argv: Sequence[str]) -> str:
    """The verb of the worker that is one of Slurm's commands."""
    name = Path(argv[0]).name
    if name == "sbatch" and tuple(argv[1:3]) == TEST_ONLY:
        return "estimate"
    if name != "scontrol":
        return name
    return (
        "reservation"
        if any(word.startswith(("reservation", "ReservationName=")) for word in argv[1:3])
        else "job-control"
    )


def _digest(said: list[str]) -> str:
    """What a grant is bound to: the SHA-256 of a list of texts as JSON without spaces, ASCII only."""
    return hashlib.sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()


def _request(verb: str, arguments: Sequence[str], digest: str, timeout: float) -> dict[str, object]:
    """What helper and worker are asked alike."""
    return {"verb": verb, "arguments": list(arguments), "input": digest, "timeout": float(timeout)}


@contextmanager
def _memory(data: bytes) -> Iterator[int]:
    """A descriptor that holds `data`, to be read from its beginning."""
    handle = os.memfd_create("request")
    try:
        os.write(handle, data)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    """One chunk, or none."""
    if data:
        yield data
