"""rclone(1), run as the person by the worker: real copies, compared by checksum, resumed file by file.

What the worker lets rclone do stands in `facility.service.as_user.worker.transfer`. Exit codes: rclone.org/docs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable

from facility.errors import NotFound, Refused, Unreachable
from facility.service.caller import Mandate
from facility.service.transfers.engines.engine import Acts, Order, Reached, Report
from facility.service.transfers.engines.rclone_log import RcloneLog

VERB = "transfer"
LONGEST = 48 * 3600.0  # seconds of one run
TRIES = 5  # runs that end with other words
TEMPORARY = 5  # the exit code of errors that more tries might fix
PASSES = 3  # of comparing, until one finds nothing to copy
USAGE, NO_DIRECTORY, NO_FILE = 2, 3, 4
LASTING = ("permission denied", "file too big for remaining disk space", "no space left", "disk quota exceeded")
"""Words of the system that trying again does not change."""

PASSING = ("dial tcp", "couldn't connect", "connection reset", "connection lost", "i/o timeout", "EOF", "broken pipe")
"""Words about another site that is down, which comes back some time."""


class Rclone:
    """See `Engine`."""

    name = "rclone"

    def __init__(self, acting_for: Callable[[Mandate], Acts]) -> None:
        self._acting_for = acting_for

    async def carry(self, order: Order, report: Report) -> Reached:
        """See `Engine.carry`. With `verify` both sides are read again and compared until nothing differs."""
        reached, _ = await self._run(order, order.reached, report, "--checksum" if order.verify else "")
        if not order.verify:
            return reached
        for _ in range(PASSES):
            reached, log = await self._run(order, reached, report, "--checksum")
            if log.cannot_compare:
                raise Refused(
                    f"{order.source.name} and {order.destination.name} have no checksum in common: the data was copied"
                    " but cannot be verified; ask for the transfer without verify"
                )
            if log.transferred == 0:
                return dataclasses.replace(reached, verified=log.checked)
        raise Refused(f"files of {order.source.path} change while they are copied; ask again when they do not")

    async def cancel(self, order: Order) -> None:
        """See `Engine.cancel`: rclone ends with `carry`."""

    async def _run(self, order: Order, before: Reached, report: Report, how: str) -> tuple[Reached, RcloneLog]:
        """One run of rclone to its end."""
        log = RcloneLog(before)
        places = (order.source.for_rclone, order.destination.for_rclone)
        arguments = (*places, *((how,) if how else ()))
        acts = self._acting_for(order.mandate)
        try:
            async with acts.start(VERB, arguments, "", LONGEST) as going:
                await going.send(_nothing())
                async for channel, piece in going.pieces():
                    if channel == "err" and log.feed(piece):
                        await report(log.reached)
        except Unreachable:
            await report(log.kept)
            raise
        if going.returncode != 0:
            await report(log.kept)
            _refuse(order, going.returncode, log.last_error)
        return log.reached, log


def _refuse(order: Order, returncode: int, words: str) -> None:
    """Say why a run failed, so that it is tried again where that may help."""
    source = f"{order.source.name} {order.source.path}"
    if returncode in {NO_DIRECTORY, NO_FILE}:
        raise NotFound(f"{source} does not exist, or {order.mandate.user} may not read it")
    said = f"rclone could not copy {source}: {words or f'status {returncode}'}"
    if returncode == USAGE or any(lasting in words for lasting in LASTING):
        raise Refused(said)
    if returncode < 0 or returncode > 128:
        raise Unreachable(f"rclone was killed while it copied {source}; it goes on soon")
    passes = returncode == TEMPORARY or any(passing in words for passing in PASSING)
    if order.attempt >= TRIES and not passes:
        raise Refused(f"{said} (after {order.attempt} attempts)")
    raise Unreachable(said)


async def _nothing() -> AsyncIterator[bytes]:
    """No input."""
    for piece in tuple[bytes, ...]():
        yield piece
