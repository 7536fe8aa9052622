"""The REST routes: every one authenticated and authorized, none of them counted as activity of the user."""

from __future__ import annotations

import json
from http.client import responses
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from facility.errors import FacilityError
from facility.wire import encode
from server_ext.problems import Problem, problem_of
from server_ext.room import Room
from server_ext.wire import Json, ahead_json, job_json, knowledge_json, snapshot_json

RESOURCE = "beamside"
"""What an authorizer is asked about; the actions are read and write."""


class BeamsideHandler(ExtensionHandlerMixin, APIHandler):
    """What all routes have in common."""

    auth_resource = RESOURCE
    _track_activity = False  # a panel left open must not keep a node allocated

    @property
    def room(self) -> Room:
        """What this server knows."""
        room: Room = self.settings["beamside_room"]
        return room

    def answer(self, found: Json) -> None:
        """Send JSON that no cache between us and the browser may keep."""
        self.set_header("Cache-Control", "no-cache")
        self.finish(json.dumps(found))

    def refuse(self, problem: Problem) -> None:
        """Send a refusal in the one shape that all have."""
        self.set_status(problem.status)
        self.finish(json.dumps({"error": problem.as_json()}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 - tornado's signature
        """Errors of the framework, in the same shape."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        words = error.log_message if isinstance(error, web.HTTPError) else "beamside's own code failed"
        step = "Reload the page, and sign in again." if status_code == 403 else "Tell the operator what you did."
        what = words or responses.get(status_code, "unknown error")
        self.finish(json.dumps({"error": Problem(what, self.request.path, step).as_json()}))


class JobsHandler(BeamsideHandler):
    """All of the user's jobs."""

    def compute_etag(self) -> str:
        """The version of the board: the same version is the same list."""
        board = self.room.board
        return f'W/"{board.epoch}-{board.version}"'

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The snapshot; 304 where the client has it already."""
        await self.room.source.look()
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.answer(snapshot_json(self.room))


class JobHandler(BeamsideHandler):
    """One job."""

    @web.authenticated
    @authorized
    async def delete(self, job_id: str) -> None:
        """Cancel the job: 202, since the scheduler takes its time; an event tells the end."""
        try:
            await self.room.source.cancel(job_id)
        except FacilityError as error:
            self.refuse(problem_of(error, f"job {job_id}"))
            return
        self.log.info("cancel of job %s asked for", job_id)
        self.set_status(202)
        self.answer({"job_id": job_id})


class SessionHandler(BeamsideHandler):
    """The job that this server runs in."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Its id, end, node, reservation and account, and whether they are known to be true now."""
        await self.room.source.look()
        room, job = self.room, self.room.session_job
        self.answer(
            {
                "job_id": room.session_job_id or None,
                "ends": encode(job.ends) if job else None,
                "node": job.batch_host if job else None,
                "reservation": job.reservation if job else None,
                "account": job.account if job else None,
                "job": job_json(job) if job else None,
                "ahead": ahead_json(room.ahead),
                "knowledge": knowledge_json(room.board.knowledge),
                "server_time": encode(room.board.time),
            }
        )


class HealthHandler(BeamsideHandler):
    """How this extension itself is."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Where jobs come from, whether they are known, and the source's figures. Asks nobody."""
        room = self.room
        self.answer(
            {
                "source": room.source.name,
                "knowledge": knowledge_json(room.board.knowledge),
                "version": room.board.version,
                "statistics": room.source.statistics(),
            }
        )
