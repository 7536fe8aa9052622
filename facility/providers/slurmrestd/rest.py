"""slurmrestd(8) as one user: its two headers, and its errors as ours.

Errors come as HTTP 500 with Slurm's own numbers in `errors` (slurm/slurm_errno.h); newer versions use other statuses
for some, so the numbers decide.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import httpx

from facility.errors import FacilityError, NotAllowed, NotFound, NotSignedIn, Refused, Unreachable, Unreadable
from facility.exchange import Exchange, Patience, Question
from facility.providers.slurm.sbatch import AMBIGUOUS
from facility.providers.slurmrestd.shapes import Found, is_object, number, text

TokenSource = Callable[[], Awaitable[str]]
"""Gives a JWT for the person, e.g. what `scontrol token` printed."""

INVALID_JOB_ID = 2017
ALREADY_DONE = 2021
ACCESS_DENIED = 2002
NOTHING_FOUND = 9003
CONTROLLER_SAYS = range(2000, 5000)  # slurmctld's own answers; 1xxx, 5xxx and -1 are about reaching it
CANNOT_LOAD = "slurm_load_ctl_conf"  # v0.0.38 gives this source, and no number, for a token that is not accepted


class SlurmError(Refused):
    """One refusal of Slurm's with its number."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


class Rest:
    """One slurmrestd at one version of its API.

    Parameters
    ----------
    base_url : e.g. "http://127.0.0.1:6820".
    user, token : the local account, and what gives a JWT for it.
    revision : the last figure of the API's version, e.g. 38.
    """

    def __init__(
        self,
        base_url: str,
        user: str,
        token: TokenSource,
        revision: int,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._user = user
        self._token = token
        self._version = f"v0.0.{revision}"
        self._exchange = Exchange(base_url, patience, transport, whom="slurmrestd")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def slurm(self, method: str, path: str, body: object = None) -> Found:
        """Ask slurmctld, through slurmrestd."""
        return await self._ask(Question(method, f"/slurm/{self._version}/{path}", body=body))

    async def slurmdb(self, path: str, query: Mapping[str, str] | None = None) -> Found:
        """Ask slurmdbd, through slurmrestd."""
        return await self._ask(Question("GET", f"/slurmdb/{self._version}/{path}", query or {}))

    async def _ask(self, question: Question) -> Found:
        reply = await self._exchange.ask(question, self._sign)
        if reply.status_code == httpx.codes.UNAUTHORIZED:
            raise NotSignedIn(f"slurmrestd does not accept the token of {self._user}; get a new one")
        try:
            found = reply.json()
        except ValueError as error:
            raise _no_json(reply) from error
        if not is_object(found):
            raise Unreadable("slurmrestd answered JSON that is no object", reply.text)
        if reply.is_error:
            raise _problem(found, f"slurmrestd answered {reply.status_code}")
        return found

    async def _sign(self) -> dict[str, str]:
        return {"X-SLURM-USER-NAME": self._user, "X-SLURM-USER-TOKEN": await self._token()}


def _no_json(reply: httpx.Response) -> FacilityError:
    words = f"slurmrestd answered {reply.status_code}"
    if reply.status_code == httpx.codes.NOT_FOUND:
        return NotFound(f"{words} to {reply.request.url.path}; does it speak this version of its API?")
    return Unreadable(f"{words} without JSON", reply.text)


def _problem(found: Found, otherwise: str) -> FacilityError:
    """The first error that has a number; without one, that of reaching the controller."""
    errors = found.get("errors")
    told = [error for error in errors if is_object(error)] if isinstance(errors, list) else []
    for error in told:
        code = number(error.get("error_number")) or number(error.get("error_code")) or 0
        words = text(error.get("error")) or text(error.get("description")) or otherwise
        if code in CONTROLLER_SAYS and not any(mark in words for mark in AMBIGUOUS):
            return NotAllowed(words) if code == ACCESS_DENIED else SlurmError(words, code)
        if code >= NOTHING_FOUND - 3:  # what slurmrestd says itself of a request that it cannot use
            return SlurmError(text(error.get("description")) or words, code)
        if text(error.get("source")) == CANNOT_LOAD and code == -1:
            return NotSignedIn("slurmrestd does not accept the token, or the controller is away; get a new token")
    words = "; ".join(dict.fromkeys(text(e.get("error")) or text(e.get("description")) for e in told)) or otherwise
    return Unreachable(f"slurmrestd could not ask the controller: {words}")
