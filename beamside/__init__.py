"""The command `beamside`: the demonstration, its tour, and the facility service."""
