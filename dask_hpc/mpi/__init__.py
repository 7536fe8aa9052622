"""What makes a process a rank before Dask is read: its place, its MPI world, its CPUs, its GPUs and its network."""
