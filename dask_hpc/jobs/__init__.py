"""Where blocks run: how their jobs begin, what they wait for and whether they are over, under Slurm and without."""
