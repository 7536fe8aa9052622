"""Choosing ports of 127.0.0.1."""

from __future__ import annotations

import socket
import subprocess
import sys

from beamside.demo.ports import OTHERS, SLURM, free_ports, is_free, listens


def test_chosen_ports_are_free_different_and_below_the_ephemeral_range() -> None:
    """No two daemons get one port, and no outgoing connection can take one before its daemon does."""
    chosen = free_ports(20) + free_ports(20, SLURM)

    assert len(set(chosen)) == 40
    assert all(is_free(port) for port in chosen)
    assert max(*OTHERS, *SLURM) < 32768


def test_a_port_chosen_here_is_chosen_nowhere_else_while_this_process_lives() -> None:
    """Two that choose at once, each before its daemons listen, never meet; what ended holds nothing."""
    program = "import sys; from beamside.demo.ports import *; print(*free_ports(1, range(*map(int, sys.argv[1:]))))"

    def choose_elsewhere(first: int, end: int) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", program, str(first), str(end)]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    mine = free_ports(1)[0]
    refused = choose_elsewhere(mine, mine + 1)
    assert f"only 0 of 1 are free of ports {mine} to {mine + 1} on 127.0.0.1" in refused.stderr

    theirs = int(choose_elsewhere(OTHERS.start, OTHERS.stop).stdout)
    assert [theirs] == free_ports(1, range(theirs, theirs + 1))


def test_port_in_use_is_not_free_whatever_address_it_is_bound_to() -> None:
    """A listener on every address holds the port on 127.0.0.1 too."""
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket() as other:
            other.bind((address, 0))
            other.listen()
            port = other.getsockname()[1]

            assert (is_free(port), listens(port)) == (False, True)
