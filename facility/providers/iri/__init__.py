"""The DOE IRI Facility API as a provider, wherever one is served."""

from facility.providers.iri.provider import Iri

__all__ = ["Iri"]
