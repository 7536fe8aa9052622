"""One attempt to hand a callback over: POST, no redirects, ten seconds, the answer's beginning read and dropped."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus

import httpcore

from facility.errors import FacilityError
from facility.service.callbacks.egress import Egress, GuardedBackend, Resolve, system_resolve

SECONDS = 10.0
"""For connecting, sending and the answer together."""

MOST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; what the receiver says beyond its status changes nothing."""

AT_ONCE = 20


@dataclass(frozen=True)
class Outcome:
    """How an attempt went."""

    status: int  # 0: there was no answer
    error: str = ""  # in words; empty when the receiver has it
    seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver says that it has it: 2xx and nothing else."""
        return 200 <= self.status < 300

    @property
    def is_unsubscribed(self) -> bool:
        """Whether the receiver wants no more of this subscription (410 Gone)."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Sends over HTTP within the rules of `egress`. Every attempt is a connection of its own."""

    def __init__(self, egress: Egress, tls: ssl.SSLContext | None = None, resolve: Resolve = system_resolve) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=AT_ONCE,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(egress, resolve),
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def send(self, url: str, headers: dict[str, str], body: str) -> Outcome:
        """Hand `body` over; never raises for what the other side does."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                status, error = await self._post(url, headers, body)
        except TimeoutError:
            status, error = 0, f"no answer within {SECONDS:g} s"
        except FacilityError as refused:
            status, error = 0, str(refused)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as failed:
            status, error = 0, f"{type(failed).__name__}: {failed}"[:300]
        return Outcome(status, error, time.monotonic() - began)

    async def _post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, str]:
        sent = {"content-type": "application/json", "user-agent": "beamside", **headers}
        async with self._pool.stream("POST", url, headers=list(sent.items()), content=body.encode()) as answer:
            read = 0
            async for piece in answer.aiter_stream():
                read += len(piece)
                if read > MOST_ANSWER:
                    break
        status = answer.status
        return status, "" if 200 <= status < 300 else _words(status)


def _words(status: int) -> str:
    phrase = next((known.phrase for known in HTTPStatus if known == status), "")
    aside = "; redirects are not followed: name the new address in the subscription" if 300 <= status < 400 else ""
    return f"answered {status} {phrase}".rstrip() + aside
