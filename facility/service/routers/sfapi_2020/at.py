"""Where the paths of 2020 are."""

from __future__ import annotations

from fastapi import APIRouter

from facility.service.routers.sfapi.asking import ERRORS

PREFIX = "/api/v1"


def group(path: str = "") -> APIRouter:
    """A router of one group."""
    return APIRouter(prefix=f"{PREFIX}{path}", tags=["Superfacility 2020"], responses=ERRORS)
