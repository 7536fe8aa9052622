"""Write docs/reference/routes.md, what every route takes and answers, from the OpenAPI description of the service."""

from __future__ import annotations

from pathlib import Path

from facility.service.app import ROUTERS
from facility.service.web.reference import describe, page

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "routes.md"

if __name__ == "__main__":
    PAGE.write_text(page(describe(ROUTERS)), encoding="utf-8")
