"""What a kernel holds of a cluster, like `distributed.deploy`: making, finding, scaling, showing and ending it."""
