"""Stands in for batchspawner-singleuser where hundreds of jobs share two cores: tells the port, then is the server.

It spares each of the peer's jobs a second of processor time, in the peer's favour; what that second is, hub_click.py
measures with the real one.
"""

import os
import socket
import sys


def main() -> None:
    """Find a port, send it to the hub, and become the server."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    host, _, path = os.environ["JUPYTERHUB_API_URL"].removeprefix("http://").partition("/")
    name, _, hub_port = host.partition(":")
    body = f'{{"port": {port}}}'
    head = (
        f"POST /{path}/batchspawner HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"Authorization: token {os.environ['JUPYTERHUB_API_TOKEN']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((name, int(hub_port)), timeout=300) as hub:
        hub.sendall((head + body).encode())
        answer = hub.recv(4096).split(b"\r\n")[0]
    if answer.split()[1:2] not in ([b"200"], [b"201"]):
        sys.exit(f"the hub did not take the port: {answer!r}")
    os.environ["JUPYTERHUB_SERVICE_URL"] = f"http://0.0.0.0:{port}/"
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
