"""A network between a client and a server on loopback that can break off, fall silent, be slow or flip bits."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FIRST_BYTES = 250


class Network:
    """Connections to one server. `cut_after` and `silent_after` count bytes of one connection towards the client.

    `slow` is the number of seconds that each 16 KiB towards the client wait; with `flip_after` the byte behind so many
    of a connection comes with one bit flipped; `silent_at_post` is the POST of a connection whose answer stops within
    its first `FIRST_BYTES`, for good.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.cut_after: int | None = None
        self.silent_after: int | None = None
        self.flip_after: int | None = None
        self.silent_at_post: int | None = None
        self.slow = 0.0
        self.connections = 0
        self._posts: Counter[socket.socket] = Counter()

    @property
    def port(self) -> int:
        """Where clients connect."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def host(self) -> str:
        """Name and port for clients."""
        return f"localhost:{self.port}"

    def heal(self) -> None:
        """From now on everything passes."""
        self.cut_after = self.silent_after = self.flip_after = self.silent_at_post = None
        self.slow = 0.0

    def run(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._open += [client, server]
                for work in (self._requests, self._answers):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def close(self) -> None:
        """Break off everything."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                self._posts[client] += data.count(b"POST /")
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _flipped(self, data: bytes, passed: int) -> bytes:
        at = -1 if self.flip_after is None else self.flip_after - passed
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if 0 <= at < len(data) else data

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        passed, cut, silent = 0, self.cut_after, self.silent_after
        with suppress(OSError):
            while data := server.recv(1 << 14):
                time.sleep(self.slow)
                data = self._flipped(data, passed)
                if self.silent_at_post is not None and self._posts[client] >= self.silent_at_post:
                    client.sendall(data[:FIRST_BYTES])
                    return
                if silent is not None and passed + len(data) > silent:
                    client.sendall(data[: silent - passed])
                    return
                if cut is not None and passed + len(data) > cut:
                    client.sendall(data[: cut - passed])
                    break
                client.sendall(data)
                passed += len(data)
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def network_to(port: int) -> Iterator[Network]:
    """A network before the server at `port`."""
    network = Network(port)
    thread = threading.Thread(target=network.run, daemon=True)
    thread.start()
    try:
        yield network
    finally:
        network.close()
        thread.join()
