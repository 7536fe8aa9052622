"""Hubs to compare, each with a real proxy on a real Slurm: ours as the tests bring it up, and one of stock parts."""
