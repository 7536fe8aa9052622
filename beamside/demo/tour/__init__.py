"""The tour through the running demonstration: a browser's steps, what Slurm says of them, and the record."""
