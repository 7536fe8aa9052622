"""A Superfacility API (v1.2) as one client: POST and PUT bodies are forms, and tasks are waited for.

A task's result is JSON written as text. Errors are FastAPI's `detail`, which may be a list.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping

from facility.errors import Refused, Unreachable, Unreadable
from facility.exchange import Question
from facility.providers.api import Found, SiteApi, an_object, in_words

LONGEST_PAUSE = 1.0  # seconds between two looks at a task
FINAL = frozenset({"completed", "cancelled", "canceled", "failed"})


class Api(SiteApi):
    """One Superfacility API (parameters: `SiteApi`)."""

    WHOM = "the Superfacility API"
    WORDS = ("detail", "error")

    async def get(self, path: str, query: Mapping[str, str | list[str]] | None = None) -> object:
        """Ask. Raises the error that the answer tells of."""
        return await self.ask(Question("GET", path, query or {}))

    async def delete(self, path: str) -> object:
        """End something."""
        return await self.ask(Question("DELETE", path))

    async def post(self, path: str, form: Mapping[str, str | list[str]]) -> Found:
        """Start something; asked once, whatever happens."""
        return an_object(await self.ask(Question("POST", path, form=form)))

    async def result(self, started: Found, seconds: float) -> Found:
        """The result of a task that was started, as soon as it has ended.

        Raises Refused where it was not even started, and Unreachable where it has not ended within `seconds`.
        """
        task_id = started.get("task_id")
        if not isinstance(task_id, str | int) or task_id == "" or str(started.get("status", "")).upper() == "ERROR":
            raise Refused(f"{self.WHOM} started no task: {in_words(started.get('error'), 'no reason given')}")
        end, pause = time.monotonic() + seconds, 0.1
        while True:
            task = an_object(await self.get(f"/tasks/{task_id}"))
            state = str(task.get("status", ""))
            if state in FINAL:
                return _result(task, state)
            if time.monotonic() > end:
                raise Unreachable(f"task {task_id} of {self.WHOM} has not ended within {seconds:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _result(task: Found, state: str) -> Found:
    text = task.get("result")
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError as error:
        raise Unreadable("a task's result is no JSON", str(text)) from error
    told = an_object(found)
    if state != "completed":
        return {"status": "error", "error": in_words(told.get("error"), f"the task was {state}")}
    return told
