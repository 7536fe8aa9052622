"""People whose sign-in ended elsewhere: at their home institution, or in the facility's own tables."""
