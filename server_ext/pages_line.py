"""How this server reaches the pages of a cluster: by the Unix socket on its own node, by mutual TLS from another."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver

from facility.cluster_tls import proved
from facility.clusters import ClusterRecord, directory
from facility.errors import NotFound, Unreachable


class OneSocket(Resolver):
    """Resolves every name to one Unix socket."""

    def initialize(self, path: str) -> None:
        """See tornado."""
        self._path = path

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[tuple[int, Any]]:
        """The socket."""
        return [(socket.AF_UNIX, self._path)]


@dataclass(frozen=True)
class PagesLine:
    """Where one cluster's pages are."""

    address: str  # "nid001:34570", as the record says; empty for the socket
    name: str  # the cluster's
    resolver: Resolver | None = None

    def request(self, page: str, protocol: str = "http", **options: Any) -> HTTPRequest:  # noqa: ANN401 - tornado's
        """What asks for a page, or with the protocol "ws" for a socket.

        Raises Unreachable where the cluster's certificate is gone.
        """
        if self.resolver is not None:
            return HTTPRequest(f"{protocol}://localhost/{page}", **options)
        try:
            context = proved(directory() / self.name, listens=False)
        except OSError as error:
            raise Unreachable(f"cluster {self.name!r} has no certificate any more: it is ending") from error
        return HTTPRequest(f"{protocol}s://{self.address}/{page}", ssl_options=context, **options)


def find_line(record: ClusterRecord) -> PagesLine:
    """The line to the pages of the cluster.

    Raises NotFound where it has none, now or at all.
    """
    if record.state != "running":
        raise NotFound(f"cluster {record.name!r} is {record.state}: {record.reason or 'it has no pages now'}")
    if record.dashboard_socket and _is_here(record.dashboard_socket):
        return PagesLine("", record.name, OneSocket(path=record.dashboard_socket))
    if record.dashboard_address:
        return PagesLine(record.dashboard_address, record.name)
    raise NotFound(f"the pages of cluster {record.name!r} can only be seen on its own machine")


def _is_here(path: str) -> bool:
    """Whether somebody listens at this socket, on this machine, as this user."""
    try:
        found = os.lstat(path)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
