"""Shifter's image gateway over REST: GET /api/list/SYSTEM/, signed by a credential of munge(1).

The gateway judges by the credential, which is the service's own: it lists public images, and private ones that were
pulled with the service's uid or group among those allowed. Whom a private image is for is judged here once more.
Source: NERSC/shifter, imagegw (`create_response`, `_checkread`) and shifterimg.c.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from facility.errors import Unreachable, Unreadable
from facility.exchange import Exchange, Patience, Question
from facility.image_facts import IMAGE_NAME
from facility.images.found import Found
from facility.providers.slurm.run import Runner

MUNGE = ("munge", "--no-input")
MUNGE_SECONDS = 10.0
READY = "READY"


class ShifterGateway:
    """See `Driver`.

    Parameters
    ----------
    url : of the gateway, e.g. "http://imagegw.example.org:5000".
    system : what the gateway calls this system.
    runner : runs `munge`, as whoever we are.
    munge : its argv.
    """

    def __init__(
        self,
        url: str,
        system: str,
        runner: Runner,
        munge: Sequence[str] = MUNGE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._exchange = Exchange(url, Patience(tries=2), transport, "the image gateway")
        self._path = f"/api/list/{system}/"
        self._runner = runner
        self._munge = tuple(munge)

    async def found(self) -> tuple[Found, ...]:
        """See `Driver.found`."""
        reply = await self._exchange.ask(Question("GET", self._path), self._sign)
        if reply.status_code == httpx.codes.NOT_FOUND:  # its one word for "unknown system" and for "who are you?"
            raise Unreachable("the image gateway knows no such system, or not our munge credential; see its log")
        if reply.status_code != httpx.codes.OK:
            raise Unreachable(f"the image gateway answered {reply.status_code}; it is asked again")
        return read_list(reply.content)

    async def _sign(self) -> Mapping[str, str]:
        """A new credential each time: munge accepts none twice."""
        done = await self._runner.run(self._munge, user=None, timeout=MUNGE_SECONDS)
        if done.returncode != 0 or not done.stdout.strip():
            words = done.stderr.decode(errors="backslashreplace").strip()
            raise Unreachable(f"munge gave no credential for the image gateway: {words}; is munged running?")
        return {"authentication": done.stdout.decode("ascii", errors="replace").strip()}


def read_list(body: bytes) -> tuple[Found, ...]:
    """The images of the gateway's answer that are ready, one for each tag. Raises Unreadable."""
    try:
        records = json.loads(body)["list"]
        return tuple(found for record in records for found in _read(record))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable("the image gateway's answer is no list of images", repr(body[:200])) from error


def _read(record: dict[str, Any]) -> list[Found]:
    tags = [record["tag"]] if isinstance(record["tag"], str) else record["tag"]
    uids, gids = (_ids(record[key]) for key in ("userACL", "groupACL"))
    if record["status"] != READY or uids is None or gids is None:
        return []
    pulled = record.get("last_pull")
    when = datetime.fromtimestamp(pulled, UTC) if isinstance(pulled, int | float) else None
    names = [f"{record['itype']}:{tag}" for tag in tags]
    return [Found("shifter", name, uids=uids, gids=gids, pulled=when) for name in names if IMAGE_NAME.fullmatch(name)]


def _ids(acl: object) -> frozenset[int] | None:
    """Who is named; None where that cannot be told ("MISSING"), and then nobody sees the image."""
    if acl is None:
        return frozenset()
    if isinstance(acl, list) and all(type(number) is int for number in acl):
        return frozenset(acl)
    return None
