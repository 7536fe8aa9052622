"""Globus by its own SDK, in the person's own name: with the person's token of Globus Transfer.

The service has no Globus identity of its own. Whoever signs people in at Globus (a hub's login, a site's own tool)
leaves each person's transfer token in a file; it is read anew for each question, so that it can be renewed there.
Source: docs.globus.org/api/transfer (task document, submission_id).
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import globus_sdk
from globus_sdk.transport import RetryConfig

from facility.errors import FacilityError, NotAllowed, NotFound, NotSignedIn, Refused, Unreachable
from facility.service.clock import Clock
from facility.service.transfers.engines.engine import Order, Reached, Report

T = TypeVar("T")
LOOK = 5.0  # seconds between two questions about a task
LARGEST_TOKEN = 4096
SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
FINAL = {400: Refused, 401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Refused}


class Globus:
    """See `Engine`. `tokens` is the path of a person's token, with `{user}` in it."""

    name = "globus"

    def __init__(self, tokens: str, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock

    async def carry(self, order: Order, report: Report) -> Reached:
        """See `Engine.carry`. The task is Globus's: it goes on there whatever becomes of this service."""
        user = order.mandate.user
        submission, _, task = order.reached.engine_id.partition("/")
        if not submission:
            submission = str((await self._ask(user, lambda client: client.get_submission_id()))["value"])
            await report(Reached(engine_id=submission))  # before submitting: the same id again is the same task
        if not task:
            data = _data(order, submission)
            task = str((await self._ask(user, lambda client: client.submit_transfer(data)))["task_id"])
        while True:
            found = await self._ask(user, lambda client: client.get_task(task))
            reached = _reached(found, f"{submission}/{task}")
            await report(reached)
            if found["status"] == SUCCEEDED:
                return reached
            if found["status"] == FAILED:
                raise Refused(f"Globus could not copy {order.source.path}: {_reason(found)} (task {task})")
            await self._clock.sleep(LOOK)

    async def cancel(self, order: Order) -> None:
        """See `Engine.cancel`."""
        task = order.reached.engine_id.partition("/")[2]
        if task:
            await self._ask(order.mandate.user, lambda client: client.cancel_task(task))

    async def _ask(self, user: str, question: Callable[[globus_sdk.TransferClient], T]) -> T:
        """One question in the person's name."""
        return await asyncio.to_thread(self._ask_now, user, question)

    def _ask_now(self, user: str, question: Callable[[globus_sdk.TransferClient], T]) -> T:
        authorizer = globus_sdk.AccessTokenAuthorizer(self._token(user))
        # operations are tried again by us, so the SDK need not hold a thread for that
        client = globus_sdk.TransferClient(authorizer=authorizer, retry_config=RetryConfig(max_retries=1))
        try:
            return question(client)
        except globus_sdk.GlobusAPIError as error:
            kind: type[FacilityError] = FINAL.get(error.http_status, Unreachable)
            raise kind(f"Globus answered {error.http_status} {error.code}: {error.message}") from error
        except globus_sdk.NetworkError as error:
            raise Unreachable(f"Globus gave no answer ({type(error).__name__}); it is asked again") from error

    def _token(self, user: str) -> str:
        path = Path(self._tokens.replace("{user}", user))
        try:
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Refused(f"the Globus token of {user} could be read by others; its file must be 0600")
            with path.open(encoding="ascii") as file:
                return file.read(LARGEST_TOKEN).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotSignedIn(f"there is no Globus token of {user} here; sign in with Globus at the hub") from error


def _data(order: Order, submission: str) -> globus_sdk.TransferData:
    """The submission. Without `recursive` Globus itself looks whether the source is a directory."""
    data = globus_sdk.TransferData(
        order.source.tier.globus,
        order.destination.tier.globus,
        label=order.label or globus_sdk.MISSING,
        submission_id=submission,
        sync_level="checksum" if order.verify else "mtime",
        verify_checksum=order.verify,
        preserve_timestamp=True,
        notify_on_succeeded=False,
        notify_on_failed=False,
        notify_on_inactive=False,
    )
    data.add_item(order.source.path, order.destination.path)
    return data


def _reached(task: Any, engine_id: str) -> Reached:  # noqa: ANN401 - the SDK types its answers no closer
    files = task.get("files")
    return Reached(
        bytes_done=int(task["bytes_transferred"]),
        files_done=int(task.get("files_transferred") or 0),
        files_total=int(files) if files is not None else None,
        bytes_per_second=float(task.get("effective_bytes_per_second") or 0),
        engine_id=engine_id,
    )


def _reason(task: Any) -> str:  # noqa: ANN401 - see above
    fatal = task.get("fatal_error") or {}
    return str(fatal.get("description") or task.get("nice_status_short_description") or "it does not say why")
