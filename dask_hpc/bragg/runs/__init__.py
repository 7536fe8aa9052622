"""Runs that a Dask cluster holds: begun at once, watched from any kernel, and gone on with after any loss.

`journal` and `folder` are what there is of a run on the disk, `pace` what its arrivals say of its end, `task` runs on
the workers, `keeper` in the scheduler's process, `run` in kernels.
"""
