"""The ground floor: the facility's vocabulary, its client, and Slurm spoken in one place."""
