"""The hub's routes of ours, and the one route of the stock batch spawner that nobody may use."""

from __future__ import annotations

from typing import Any, NoReturn

from jupyterhub import apihandlers
from jupyterhub.apihandlers import APIHandler
from tornado.web import HTTPError, RequestHandler

from hub_ext.cancel import CancelHandler
from hub_ext.choices import ChoicesHandler
from hub_ext.claim import ClaimHandler, EndedHandler
from hub_ext.live.files import FilesHandler
from hub_ext.live.form import FormHandler
from hub_ext.live.judge import JudgeHandler
from hub_ext.login.token import TokenHandler
from hub_ext.outside import OutsideHandler
from hub_ext.pages.me import MeHandler
from hub_ext.pages.operator import OperatorHandler

STOCK_ROUTE = "/api/batchspawner"
"""Registered by the stock batch spawner's package when it is imported."""

Route = tuple[str, type[RequestHandler]]


class ClosedHandler(APIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """The stock batch spawner's callback: closed. Jobs prove themselves at /api/beamside/claim."""

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here, so nothing needs a guard."""

    async def post(self) -> NoReturn:
        """Refuse, whoever asks and whatever is sent."""
        raise HTTPError(410, "this hub takes no batchspawner callbacks; its jobs claim at api/beamside/claim")

    get = put = patch = delete = post


def routes() -> list[Route]:
    """Every route of beamside."""
    return [
        (r"/api/beamside/claim", ClaimHandler),
        (r"/api/beamside/ended", EndedHandler),
        (r"/api/beamside/token", TokenHandler),
        (r"/api/beamside/form", FormHandler),
        (r"/api/beamside/form/judge", JudgeHandler),
        (r"/beamside/choices", ChoicesHandler),
        (r"/beamside/page/([a-z0-9.-]+)", FilesHandler),
        (r"/beamside/cancel/([^/]+)", CancelHandler),
        (r"/beamside/cancel/([^/]+)/([^/]+)", CancelHandler),
        (r"/beamside/outside/([^/]+)", OutsideHandler),
        (r"/beamside/outside/([^/]+)/([^/]+)", OutsideHandler),
        (r"/beamside/me", MeHandler),
        (r"/beamside/operator", OperatorHandler),
        (STOCK_ROUTE, ClosedHandler),
    ]


def close_stock_route(handlers: list[tuple[Any, ...]] = apihandlers.default_handlers) -> None:
    """Take every handler of the stock route out of a hub's list, in place; ours is then the only one."""
    handlers[:] = [handler for handler in handlers if handler[0] != STOCK_ROUTE]
