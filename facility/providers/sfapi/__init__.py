"""The Superfacility API as a provider, wherever one is served."""

from facility.providers.sfapi.provider import SfApi

__all__ = ["SfApi"]
