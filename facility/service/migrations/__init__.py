"""The versions of the identity store."""
