"""Ways to a facility's systems: each answers the same questions, and says what it cannot answer."""

from facility.providers.provider import Abilities, Ability, Batch, Provider

__all__ = ["Abilities", "Ability", "Batch", "Provider"]
