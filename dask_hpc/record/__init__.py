"""What there is of a cluster on the disk: its name, its folder, its keys."""
