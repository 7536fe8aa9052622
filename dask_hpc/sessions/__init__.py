"""Connections between kernels and the scheduler that outlive the TCP connections they go over."""
