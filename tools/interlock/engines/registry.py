"""Which driver serves which kind of engine: the one list, in the open. Called by the agent, the demo and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from interlock.engines.address import EngineAddress
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import EngineDriver
from interlock.engines.embedded_driver import EmbeddedDriver
from interlock.engines.lorax import LoraxDriver
from interlock.engines.nim import NimDriver
from interlock.engines.sglang import SglangDriver
from interlock.engines.tgi import TgiDriver
from interlock.engines.vllm import VllmDriver
from interlock.errors import UsageError


class DriverFactory(Protocol):
    """What the registry holds for each kind: anything that makes a driver of a connection."""

    def __call__(self, connection: EngineConnection, /) -> EngineDriver:
        """Make the driver; nothing is sent."""


DRIVERS: Final[Mapping[str, DriverFactory]] = {
    "embedded": EmbeddedDriver,
    "lorax": LoraxDriver,
    "nim": NimDriver,
    "sglang": SglangDriver,
    "tgi": TgiDriver,
    "vllm": VllmDriver,
}


def open_engine(kind: str, address: EngineAddress) -> EngineDriver:
    """Return the driver for an engine of `kind` (as `engine.kind` in environment.yaml); nothing is sent yet.

    Raises:
        UsageError: this version drives no engine of that kind, or its settings lack what this kind needs.
    """
    factory = DRIVERS.get(kind)
    if factory is None:
        raise UsageError(
            f"this version cannot drive an engine of kind {kind!r}",
            expected="one of: " + ", ".join(sorted(DRIVERS)),
            remedy="set engine.kind in environment.yaml; docs/engines.md lists the engines",
        )
    return factory(EngineConnection(address))
