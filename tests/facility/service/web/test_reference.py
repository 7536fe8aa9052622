"""The page of all routes: as the OpenAPI description is, and of every route that is served."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from facility.service.app import ROUTERS
from facility.service.web.reference import describe, page

if TYPE_CHECKING:
    from ..conftest import Served

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "routes.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_description_says() -> None:
    """Where this fails, a route or a field is new or different: run scripts/reference.py and look at the difference."""
    assert page(describe(ROUTERS)) == PAGE


async def test_the_page_tells_of_every_operation_that_is_served(served: Served) -> None:
    """By verb and path."""
    told = (await served.http.get("/openapi.json")).json()["paths"]
    operations = {f"{verb.upper()} {path}" for path, verbs in told.items() for verb in verbs}

    assert operations == set(re.findall(r"^### `([^`]+)`$", PAGE, re.MULTILINE))


def test_a_field_is_told_with_its_kind_bounds_and_default() -> None:
    """One that must be given is in bold; the token is no field."""
    fits = PAGE.split("### `GET /reservations/{name}/fit`\n")[1].split("\n### ")[0]
    lists = PAGE.split("### `GET /api/v1.2/compute/jobs/{machine}`\n")[1].split("\n### ")[0]

    assert "| query | **`walltime`** | integer | seconds, from 1, to 31622400 |" in fits
    assert "Wants: reservations or hub." in fits
    assert "| query | `limit` | integer | how many there are at most; 0: all, from 0, else 0 |" in lists
    assert "authorization" not in PAGE.lower().replace("authorization-server", "")
