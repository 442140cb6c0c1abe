"""A relay on this machine that counts what goes through it: the bytes of a protocol as they are on the wire.

with counting_relay(port) as relay: ...    # connect to relay.port instead; then read relay.sent, relay.received
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Relay:
    """What went through: `sent` by clients, `received` by them."""

    port: int
    sent: int = 0
    received: int = 0
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, number: int) -> None:
        """Add to one of the counts."""
        with self._lock:
            setattr(self, name, getattr(self, name) + number)


@contextmanager
def counting_relay(target: int) -> Iterator[Relay]:
    """Relay connections to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        relay = Relay(listening.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(listening, target, relay), daemon=True)
        accepting.start()
        try:
            yield relay
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(5)


def _accept(listening: socket.socket, target: int, relay: Relay) -> None:
    with suppress(OSError):  # the end of the block closes the listening socket
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(("127.0.0.1", target), timeout=60)
            relay.count("connections", 1)
            for source, sink, name in ((client, server, "sent"), (server, client, "received")):
                threading.Thread(target=_pump, args=(source, sink, name, relay), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, name: str, relay: Relay) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            relay.count(name, len(data))
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
