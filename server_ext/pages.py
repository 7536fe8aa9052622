"""The pages of a cluster, as its user sees them: below this server, behind its sign-in, for reading only.

They are Dask's, and share this server's origin with JupyterLab. So only addresses that are known pages are asked
for, nothing of a link's query reaches one, and an answer other than the page itself is never shown.
"""

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from facility.clusters import read_record
from facility.errors import FacilityError, NotFound, Unreachable
from server_ext.handlers import RESOURCE, BeamsideHandler
from server_ext.pages_line import PagesLine, find_line
from server_ext.problems import problem_of

DRAWN = re.compile(
    r"status|workers|tasks|system|profile|profile-server|graph|groups|gpu|hardware|shuffle|stealing|exceptions|events"
    r"|counters|individual(-[a-z]+)+"
)
FILE = re.compile(r"(static|statics)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
WRITTEN = re.compile(r"info/main/(workers|exceptions|logs)\.html|json/(counts|identity)\.json|individual-plots\.json")
_SECONDS = 60.0  # the first page waits until its scheduler has loaded what draws it
_KEPT = ("Content-Type", "Cache-Control", "Etag", "Last-Modified")
_FRAMES = "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
_DRAWN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; {_FRAMES}"
)
_WRITTEN_POLICY = f"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; sandbox; {_FRAMES}"


class PagesHandler(BeamsideHandler):
    """One page, or a file that a page is made of."""

    _policy = _WRITTEN_POLICY

    @property
    def content_security_policy(self) -> str:
        """What the browser lets the answer do."""
        return self._policy

    @web.authenticated
    @authorized
    async def get(self, name: str, page: str) -> None:
        """Fetch it from the cluster's scheduler."""
        if not page:
            self.redirect("status")
            return
        try:
            answer = await fetch(find_line(read_record(name)), page, self.request.query)
        except FacilityError as error:
            self.refuse(problem_of(error, f"the pages of cluster {name}"))
            return
        if DRAWN.fullmatch(page):
            self._policy = _DRAWN_POLICY
        self.set_status(answer.code)
        self.set_header("Content-Security-Policy", self._policy)
        self.set_header("Referrer-Policy", "no-referrer")
        if answer.code == 302:  # the scheduler has just loaded what draws; the same page again
            self.set_header("Location", page.rpartition("/")[2])
        for header in _KEPT:
            if value := answer.headers.get(header):
                self.set_header(header, value)
        self.finish(answer.body, set_content_type=answer.headers.get("Content-Type", "text/plain"))


async def fetch(line: PagesLine, page: str, query: str) -> Any:  # noqa: ANN401 - tornado's response
    """The scheduler's answer: the page, or 302 when it has to be asked for once more.

    Raises NotFound for what is no page, Unreachable where the scheduler does not answer.
    """
    if FILE.fullmatch(page):
        page = f"{page}?{query}" if re.fullmatch(r"v=[0-9a-f]+", query) else page
    elif not (DRAWN.fullmatch(page) or WRITTEN.fullmatch(page)):
        raise NotFound("there is no such page")
    client = SimpleAsyncHTTPClient(force_instance=True, resolver=line.resolver)
    try:
        request = line.request(page, request_timeout=_SECONDS, follow_redirects=False, decompress_response=True)
        answer = await client.fetch(request, raise_error=False)
    finally:
        client.close()
    if answer.code == 404:
        raise NotFound("there is no such page")
    if answer.code not in (200, 302):
        raise Unreachable(f"the scheduler does not answer ({answer.code}); the cluster may be ending")
    return answer


class PagesSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """What keeps a page moving: a socket here, and one to the scheduler."""

    auth_resource = RESOURCE
    _scheduler: WebSocketClientConnection | None = None

    @ws_authenticated
    @authorized
    async def get(self, name: str, page: str) -> None:
        """Upgrade to a socket."""
        self._name, self._page = name, page
        await super().get()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Bokeh's, which comes with the page's own token."""
        self._subprotocols = subprotocols
        return "bokeh" if "bokeh" in subprotocols else None

    async def open(self, *_arguments: str) -> None:
        """Open the other half."""
        super().open()
        try:
            if not DRAWN.fullmatch(self._page):
                raise NotFound("there is no such page")
            line = find_line(read_record(self._name))
            self._scheduler = await websocket_connect(
                line.request(f"{self._page}/ws", "ws", request_timeout=_SECONDS),
                on_message_callback=self._forward,
                subprotocols=self._subprotocols,
                resolver=line.resolver,
            )
        except (FacilityError, HTTPClientError, OSError) as error:
            self.log.info("no socket to the pages of cluster %s: %s", self._name, error)
            self.close(1011, "the cluster's pages are not there")

    def _forward(self, message: str | bytes | None) -> None:
        if message is None:
            self.close()
        elif self.ws_connection is not None:
            self.write_message(message, binary=isinstance(message, bytes))

    async def on_message(self, message: str | bytes) -> None:
        """The page speaks."""
        if self._scheduler is not None:
            await self._scheduler.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        """The page was closed."""
        if self._scheduler is not None:
            self._scheduler.close()
        super().on_close()
