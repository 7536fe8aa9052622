"""Transfers between tiers of storage, and the engines that carry them."""
