"""Write docs/reference/scopes.md, the matrix of scopes, from the routes themselves."""

from __future__ import annotations

from pathlib import Path

from facility.service.app import ROUTERS
from facility.service.web.matrix import page

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "scopes.md"

if __name__ == "__main__":
    PAGE.write_text(page(ROUTERS), encoding="utf-8")
