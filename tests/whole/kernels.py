"""A notebook server behind the hub as a program uses it: one kernel a notebook, its cells one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

CELL_SECONDS = 400.0


@dataclass
class Ran:
    """What a notebook showed."""

    printed: str = ""
    pictures: int = 0
    errors: list[str] = field(default_factory=list)

    def hear(self, message: dict[str, Any]) -> None:
        """Take in one message of the kernel."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self.printed += content["text"]
        elif kind in ("display_data", "update_display_data"):
            self.pictures += "image/png" in content["data"]
        elif kind == "error":
            self.errors.append(f"{content['ename']}: {content['evalue']}")


@dataclass(frozen=True)
class NotebookServer:
    """A server of the hub's, by its address and a token that opens it."""

    url: str  # ends with a slash
    token: str

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the server itself, through the proxy."""
        url = f"{self.url}api/{path}"
        answer = httpx.request(method, url, json=body, headers=self._headers, timeout=120, trust_env=False)
        return answer.raise_for_status()

    @contextmanager
    def kernel(self, notebook: str) -> Iterator[Kernel]:
        """The kernel of a notebook that lies where the server serves; it ends with the block."""
        wanted = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.api("POST", "sessions", wanted).json()
        try:
            yield Kernel(self, session["kernel"]["id"])
        finally:
            self.api("DELETE", f"sessions/{session['id']}")

    def run(self, notebook: Path) -> Ran:
        """Every code cell, in a kernel of its own, until one fails."""
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        with self.kernel(notebook.name) as kernel:
            return kernel.run(["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"])

    def channels(self, kernel: str) -> HTTPRequest:
        """The request that opens a kernel's line, messages of all channels as JSON (jupyter_client's protocol 5.3)."""
        return HTTPRequest(f"ws{self.url.removeprefix('http')}api/kernels/{kernel}/channels", headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}


@dataclass(frozen=True)
class Kernel:
    """A kernel that runs."""

    server: NotebookServer
    id: str

    def run(self, cells: list[str]) -> Ran:
        """Run these cells in order; the first error ends it."""
        ran = Ran()

        async def run_all() -> None:
            line = await websocket_connect(self.server.channels(self.id), max_message_size=2**28)
            try:
                for cell in cells:
                    async with asyncio.timeout(CELL_SECONDS):
                        await _execute(line, cell, ran)
                    if ran.errors:
                        return
            finally:
                line.close()
                async with asyncio.timeout(CELL_SECONDS):  # until the server has closed it too
                    while await line.read_message() is not None:
                        pass

        asyncio.run(run_all())
        return ran


async def _execute(line: WebSocketClientConnection, code: str, ran: Ran) -> None:
    """One cell: until the kernel has replied and is idle."""
    header = {"msg_id": uuid4().hex, "session": uuid4().hex, "username": "", "msg_type": "execute_request",
              "version": "5.3", "date": datetime.now(UTC).isoformat()}  # fmt: skip
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await line.write_message(json.dumps(request))
    missing = {"execute_reply", "idle"}
    while missing:
        text = await line.read_message()
        assert text is not None, f"the kernel's line broke in: {code}"
        message = json.loads(text)
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        ran.hear(message)
        missing -= {message["msg_type"], message["content"].get("execution_state", "")}
