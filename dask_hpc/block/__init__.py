"""What runs in a block's job: its agent, its steps and its ranks, which are Dask workers."""
