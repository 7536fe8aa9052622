"""The status board, and what watches the facility for it."""
