"""The one word for what JupyterHub and traitlets hand us: they ship no types."""

from __future__ import annotations

from typing import Any, TypeAlias

Untyped: TypeAlias = Any
