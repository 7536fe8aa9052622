"""Ports of 127.0.0.1: which are free, and who listens."""

from __future__ import annotations

import atexit
import random
import socket

LOOPBACK = "127.0.0.1"
SLURM = range(18000, 25000)
OTHERS = range(25000, 32000)
"""Both lie below Linux's ephemeral range (32768 and up), so that no outgoing connection takes a port between choice and
use."""


def is_free(port: int) -> bool:
    """Whether a listener could be put on this port now, on 127.0.0.1 and on every address."""
    for address in (LOOPBACK, "0.0.0.0"):  # noqa: S104 - asked, never listened on
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # a daemon that just ended leaves connections in TIME_WAIT; they do not hinder the next one
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int, among: range = OTHERS) -> list[int]:
    """Choose `count` different free ports, which no other process that asks here gets while this one lives."""
    chosen: list[int] = []
    for port in random.sample(among, k=len(among)):
        if is_free(port) and _claim(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise OSError(f"only {len(chosen)} of {count} are free of ports {among.start} to {among.stop} on {LOOPBACK}")


def _claim(port: int) -> bool:
    """Whether the port is this process's to use: until its daemon listens, a name in the kernel says that it is taken.

    An abstract socket leaves no file, is seen by every user, and is gone with its process, however that ends.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0beamside-port-{port}")
    except OSError:
        claim.close()
        return False
    atexit.register(claim.close)  # which also keeps it until then
    return True
