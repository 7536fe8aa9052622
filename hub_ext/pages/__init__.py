"""The hub's own pages: announcements on all of them, a person's identities and keys, and the operators' overview."""

from hub_ext.pages.opening import Pages

__all__ = ["Pages"]
