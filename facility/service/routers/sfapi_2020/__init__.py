"""The Superfacility API as its design of 2020 had it, below /api/v1: other paths to what v1.2 tells and does."""

from __future__ import annotations

from facility.service.routers.sfapi.description import tell_scopes
from facility.service.routers.sfapi_2020 import accounting, auth, files, happening, health, jobs, transfers
from facility.service.routers.sfapi_2020.at import PREFIX

__all__ = ["PREFIX", "routers"]

routers = tuple(tell_scopes(group.router) for group in (auth, accounting, files, health, jobs, transfers, happening))
