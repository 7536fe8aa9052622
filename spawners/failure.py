"""How a start that cannot be is told to JupyterHub, so that its pages show our words and nothing else."""

from __future__ import annotations

import html
from http import HTTPStatus

from jupyterhub.spawner import SpawnException
from tornado.web import HTTPError

from facility.errors import StoreFailed


class NotWritten(StoreFailed, HTTPError):
    """The hub's own store took nothing; JupyterHub answers 507 (RFC 4918, section 11.5) with these words."""

    def __init__(self, words: str) -> None:
        StoreFailed.__init__(self, words)
        HTTPError.__init__(self, HTTPStatus.INSUFFICIENT_STORAGE, words)
        self.jupyterhub_message = words

    def __str__(self) -> str:
        return str(self.jupyterhub_message)


def failure(message: str, reason: str, status: int = 400) -> SpawnException:
    """A failed start in a person's words; `reason` is the label of JupyterHub's metrics."""
    error = SpawnException(message, reason=reason, message_html=html.escape(message), status_code=status)
    error.jupyterhub_message = message  # what its pages and its API show; without it they show the exception's name
    return error
