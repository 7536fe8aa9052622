"""The Superfacility API v1.2 (as its deployed OpenAPI of 2025-02 and its client 0.6.0 have it), one module a group.

A view: what it tells and does is done by the classes on `Parts` that our own routes use.
"""

from __future__ import annotations

from facility.service.routers.sfapi import account, compute, description, meta, status, storage, tasks, utilities
from facility.service.routers.sfapi.asking import PREFIX, error_shape

__all__ = ["PREFIX", "error_shape", "routers"]

GROUPS = (meta, description, status, account, compute, utilities, storage, tasks)
routers = tuple(description.tell_scopes(group.router) for group in GROUPS)
