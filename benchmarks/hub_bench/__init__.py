"""What the benchmarks of login and spawn share: hubs side by side over one real Slurm, each with its own spawner."""
