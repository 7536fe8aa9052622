"""Where the scheduler and the ranks listen: one address of the node, never all of them."""

from __future__ import annotations

import ipaddress
import socket
import sys

import psutil

LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def own_address(interface: str, nodes: int = 1) -> str:
    """The IPv4 address of `interface`, or of the node's own host name where `interface` is empty.

    Raises ValueError, naming the key of facility.toml, where other nodes could not reach that address.
    """
    if interface:
        return _address_of(interface)
    address = socket.gethostbyname(socket.gethostname())
    if nodes > 1 and ipaddress.ip_address(address).is_loopback:
        raise ValueError(
            f"{socket.gethostname()} resolves to {address}, which other nodes cannot reach: "
            "set network_interface of the system in facility.toml"
        )
    return address


def _address_of(interface: str) -> str:
    found = psutil.net_if_addrs()
    for address in found.get(interface, ()):
        if address.family == socket.AF_INET:
            return str(address.address)
    raise ValueError(
        f"{socket.gethostname()} has no IPv4 address on {interface!r}, only on {', '.join(sorted(found))}: "
        "correct network_interface of the system in facility.toml"
    )


def mpi_network(interface: str) -> dict[str, str]:
    """Environment that keeps MPI on loopback where the machine is one host; a real network is the MPI's own affair.

    UCX (inside PyPI's mpich wheel) listens on every interface unless told otherwise. `sysv` goes with `tcp`,
    because tcp alone hangs over loopback between ranks of one node.
    """
    return {"UCX_TLS": "self,sysv,tcp", "UCX_NET_DEVICES": LOOPBACK} if interface == LOOPBACK else {}
