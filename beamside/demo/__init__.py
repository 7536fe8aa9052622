"""The demonstration: a real Slurm, a real OIDC provider, the facility service and the hub, on one machine.

Everything listens on 127.0.0.1, every change to the machine is written down before it is made, and undone by `down`.
"""
