"""One real Slurm on 127.0.0.1: its configuration, its daemons, its accounts, up and down."""
