"""People, their projects and their groups."""
