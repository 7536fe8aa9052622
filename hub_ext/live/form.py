"""What of the form changes while it is open, from the same cache that drew it."""

from __future__ import annotations

import json

from jupyterhub.apihandlers import APIHandler
from tornado.web import HTTPError

from facility.models import JobRequest
from hub_ext.own_form import own_form
from spawners.desks import current_desks
from spawners.form import read_options
from spawners.form.live import etag, live_form
from spawners.usual_starts import Place


class FormHandler(APIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """GET /api/beamside/form"""

    async def get(self) -> None:
        """The live parts, each with its age; 304 where a page that knows this entity tag would show the same."""
        spawner, desk = own_form(self), current_desks().find(self.get_query_argument("system", ""))
        if desk is None:
            raise HTTPError(404, "there is no such system here; reload the form")
        offer = await desk.offers.offer(spawner.user.name, quick=True)
        now = desk.now()
        site = spawner.site

        def alone(place: Place) -> JobRequest:
            return read_options({"system": desk.name, place[0]: place[1]}, offer, desk.system, now, site)

        body = live_form(offer, desk.system, now, desk.usual(now), site)
        places = [(field, card["value"]) for field in ("partition", "qos") for card in body["cards"][field]]
        desk.usual_starts.look(str(spawner.user.name), places, alone)
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("Etag", etag(body))
        if self.check_etag_header():
            self.set_status(304)
            return
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))
