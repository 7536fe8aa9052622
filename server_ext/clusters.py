"""This user's named clusters: what their records say, and whether the queue still tells of their first job."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from jupyter_server.auth.decorator import authorized
from tornado import web

from facility.clusters import ClusterRecord, list_records
from facility.models import Job
from facility.wire import encode
from server_ext.handlers import BeamsideHandler
from server_ext.problems import Problem
from server_ext.wire import Json, knowledge_json

_TOLD = ("name", "state", "reason", "account", "qos", "reservation", "nodes", "ranks_per_node", "wished")


class ClustersHandler(BeamsideHandler):
    """All of the user's clusters, whichever kernel, terminal or program made them."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The records, newest first, with what is known of their jobs. Ends and removes nothing."""
        room = self.room
        await room.source.look()
        try:
            records = await asyncio.to_thread(list_records)
        except OSError as error:
            step = "See whether your home is there and has room, then reload."
            self.refuse(Problem(f"Their records cannot be read: {error}", "your clusters", step, 503))
            return
        jobs = room.board.jobs if room.board.knowledge.known else None
        found = [cluster_json(record, jobs or {}) for record in records]
        self.answer({"knowledge": knowledge_json(room.board.knowledge), "clusters": found})


def cluster_json(record: ClusterRecord, jobs: Mapping[str, Job]) -> Json:
    """A record without its addresses, and `is_over`: whether its scheduler has gone; None where nobody says so.

    jobs : the user's, by id, as far as they are known now. One that is not among them proves nothing.
    """
    job = jobs.get(record.job_ids[0]) if record.job_ids else None
    has_pages = bool(record.dashboard_socket or record.dashboard_address)
    return {name: getattr(record, name) for name in _TOLD} | {
        "created": encode(datetime.fromtimestamp(record.created, UTC)),
        "blocks": [asdict(block) for block in record.blocks],
        "pages": f"beamside/clusters/{record.name}/pages/status" if has_pages else None,
        "is_over": True if record.state == "failed" else job.state.is_final if job else None,
    }
