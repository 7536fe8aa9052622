"""What choices come to, before anything is started: the door's own answer, cost, start and what is submitted."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from jupyterhub.apihandlers import APIHandler
from tornado.web import HTTPError

from facility.errors import OptionError
from hub_ext.live.pace import Pace
from hub_ext.own_form import own_form
from spawners.choice import system_in
from spawners.desks import current_desks
from spawners.door import LONGEST_FORM
from spawners.form import read_options
from spawners.form.submission import submission
from spawners.form.verdict import Fact, verdict

PACE = Pace(burst=20, every=1.0)
"""A person who clicks through a form; the page itself asks half a second after the last choice."""


class JudgeHandler(APIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """POST /api/beamside/form/judge"""

    async def post(self) -> None:
        """Hold choices against what the facility offers now. A refusal is an answer too, with its field."""
        spawner = own_form(self)
        person = str(spawner.user.name)
        PACE.take(person)
        choices = self._choices()
        try:
            desk = current_desks().chosen(system_in(choices))
            offer = await desk.offers.offer(person, quick=True)
            request = read_options({**choices, "system": desk.name}, offer, desk.system, desk.now(), spawner.site)
        except OptionError as error:
            self._tell({"refusal": {"field": error.field, "reason": error.reason}, "facts": [], "submission": ""})
            return
        estimate = await desk.estimates.ask(person, request)
        facts = verdict(request, offer, estimate, desk.now())
        text = submission(request, spawner.batch_script)
        self._tell({"refusal": None, "facts": [_plain(fact) for fact in facts], "submission": text})

    def _choices(self) -> dict[str, object]:
        if len(self.request.body) > LONGEST_FORM:
            raise HTTPError(413, f"the choices are longer than {LONGEST_FORM} bytes")
        choices = self.get_json_body()
        if not isinstance(choices, dict):
            raise HTTPError(400, "choices are a JSON object of fields and what was chosen")
        return choices

    def _tell(self, answer: dict[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer))


def _plain(fact: Fact) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(fact).items()}
