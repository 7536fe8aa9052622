"""What stops the demonstration: the message says what happened, to what, and what to do next."""

from __future__ import annotations


class DemoError(Exception):
    """The demonstration cannot go on; the message names the remedy."""
