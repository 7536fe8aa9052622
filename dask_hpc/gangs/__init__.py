"""Gangs: one function on many ranks at once, each with the same fresh communicator, beside Dask's own tasks.

A gang lives inside one block, because MPI worlds of two jobs do not merge. The scheduler starts it on all its ranks
or on none; each rank has one thread for MPI; a rank that fails frees the others.
"""
