"""The lightest server that a hub can start: listens at once, answers every request 200. Not meant for people.

Started as a job's server by any of the spawners; imports nothing that takes time.
"""

import os
import socket


def main() -> None:
    """Serve where JUPYTERHUB_SERVICE_URL says."""
    port = int(os.environ["JUPYTERHUB_SERVICE_URL"].rsplit(":", 1)[1].split("/")[0])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(128)
        while True:
            visitor, _ = listener.accept()
            with visitor:
                visitor.recv(65536)
                visitor.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


if __name__ == "__main__":
    main()
