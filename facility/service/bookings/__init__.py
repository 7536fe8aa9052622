"""Reservations that people ask for, the staff approves, and the service makes in Slurm as the operator."""
