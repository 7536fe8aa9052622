"""The Jupyter Server extension: this user's jobs over REST and events, from one upstream feed."""

from __future__ import annotations

from server_ext.app import BeamsideApp

__all__ = ["BeamsideApp"]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "server_ext", "app": BeamsideApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "../labextension/dist", "dest": "@beamside/lab"}]
