"""The two places that a driver talks to: the engine itself, and where clients talk to it.

Made by `open_engine` for every driver. They are one place where the routing middleware runs inside the engine; where it
runs in a gateway in front, the agent's token goes to the gateway only, and completions go through it, so that what is
proven is the way that requests take.
"""

from __future__ import annotations

from dataclasses import replace

from interlock.engines.address import EngineAddress
from interlock.engines.http_calls import HttpCalls


class EngineConnection:
    """`engine` for loads, lists and identity; `edge` for completions and the routing probe."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address
        self.behind_gateway = bool(address.routing_url)
        if address.routing_url:
            self.engine = HttpCalls(replace(address, admin_token=""))
            self.edge = HttpCalls(replace(address, url=address.routing_url, admin_key=""))
        else:
            self.engine = self.edge = HttpCalls(address)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.close()
        if self.edge is not self.engine:
            self.edge.close()
