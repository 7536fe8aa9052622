"""The verbs by which people and pipelines speak to a facility service; one module a verb."""
