"""The operators' page: who runs what where, what waits, what failed and what is broken; nobody is asked for it anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import Scope
from tornado import web
from tornado.web import HTTPError

from facility.errors import FacilityError, NotSignedIn, OptionError, Refused
from facility.feed import STALE
from hub_ext.pages.as_person import shortened
from hub_ext.pages.overview import Fault, Page, Waits, faults, page_of, waits
from hub_ext.pages.servers import told_of
from hub_ext.pages.wishes import DONE, decide, wishes_for
from spawners.desks import Desks, current_desks
from spawners.form.spans import duration
from spawners.untyped import Untyped

NEEDED = ("list:users", "read:servers")
"""Scopes that open the page, over all users; hub administrators have them."""

FAILED_SHOWN = 50
LATELY = timedelta(days=2)

DEPARTED_SHOWN = timedelta(days=14)


def is_operator(parsed_scopes: Untyped) -> bool:
    """Whether these scopes let their owner see everybody's servers."""
    return all(parsed_scopes.get(scope) is Scope.ALL for scope in NEEDED)


class OperatorHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """GET /beamside/operator; POST decides a wish and shows the page again."""

    @web.authenticated
    async def get(self) -> None:
        """Draw the page from the feed, the store of intents and what the facility said last."""
        self._check()
        await self._draw(done=DONE.get(self.get_argument("done", ""), ""))

    @web.authenticated
    async def post(self) -> None:
        """Approve or refuse what somebody asks; the facility judges whether this operator may."""
        self._check()
        try:
            act = await decide(self)
        except OptionError as error:
            await self._draw(error=f"{error.field}: {error.reason}", status=400)
        except Refused as error:
            await self._draw(
                error=f"Nothing was changed: {error}", status=401 if isinstance(error, NotSignedIn) else 403
            )
        except FacilityError as error:
            await self._draw(error=f"{error}. Nothing was changed, as far as is known; look again.", status=503)
        else:
            self.redirect(f"{self.hub.base_url}beamside/operator?done={act}", status=303)

    def _check(self) -> None:
        if not is_operator(self.parsed_scopes):
            needed = " and ".join(NEEDED)
            raise HTTPError(403, f"this page is for the hub's operators: administrators, and roles with {needed}")

    async def _draw(self, *, done: str = "", error: str = "", status: int = 200) -> None:
        desks, pages = current_desks(), self.authenticator.pages
        now = desks.first.now()
        watch = self.authenticator.watch
        facts = {
            "page": self._servers(desks, now), "wanted": self.get_argument("q", "")[:100], "now": now,
            "waits": _waits(desks, now), "ages": [(desks.title(desk), desk.feed.age) for desk in desks],
            "opened": pages.opened, "several": desks.are_several,
            "board": pages.news.heard, "duration": duration, "shortened": shortened, "done": done, "error": error,
            "faults": faults(pages.news.heard, pages.institution.reached, *_silences(desks, now), watch.fault,
                             self.authenticator.storage.fault),
            "failed": desks.intents.failed_starts(now - LATELY, FAILED_SHOWN), "lately": LATELY,
            "adopted": sum(intent.planned < pages.opened for intent in desks.intents.all_open()),
            "links": await wishes_for(self.authenticator, self.current_user),
            "departed": self.authenticator.departures.lately(now - DEPARTED_SHOWN),
            "departed_shown": DEPARTED_SHOWN,
        }  # fmt: skip
        page = await self.render_template("beamside_operator.html", **facts)
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(page)

    def _servers(self, desks: Desks, now: datetime) -> Page:
        number = self.get_argument("page", "1")
        servers = [told_of(intent, desks, now) for intent in desks.intents.all_open()]
        return page_of(servers, self.get_argument("q", "")[:100], int(number) if number.isdecimal() else 1)


def _waits(desks: Desks, now: datetime) -> list[Waits]:
    """The waits of all systems."""
    known = [(desks.title(desk), desk.feed.snapshot) for desk in desks]
    return [wait for title, snapshot in known if snapshot for wait in waits(snapshot.jobs, now, title)]


def _silences(desks: Desks, now: datetime) -> Iterator[Fault]:
    """The queues that were not looked at for too long."""
    for desk in desks:
        age = desk.feed.age
        if age is not None and age < STALE:
            continue
        words = "no complete look at the queue was told yet" if age is None else f"the last look is {duration(age)} old"
        what = " of ".join(filter(None, ("view of the queue", desks.title(desk))))
        yield Fault(what, "down", now - (age or timedelta(0)), f"{words}; servers are kept")
