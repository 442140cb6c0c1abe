"""Which driver serves which kind of engine: the one list, in the open. Called by the agent, the demo and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.embedded_driver import EmbeddedDriver
from interlock.engines.http_calls import HttpCalls
from interlock.engines.openai_server import OpenAiServerDriver
from interlock.engines.vllm import VllmDriver
from interlock.errors import UsageError

DRIVERS: Final[Mapping[str, type[OpenAiServerDriver]]] = {"embedded": EmbeddedDriver, "vllm": VllmDriver}


def open_engine(kind: str, address: EngineAddress) -> EngineDriver:
    """Return the driver for an engine of `kind` (as `engine.kind` in environment.yaml); nothing is sent yet.

    Raises:
        UsageError: this version drives no engine of that kind.
    """
    driver = DRIVERS.get(kind)
    if driver is None:
        raise UsageError(
            f"this version cannot drive an engine of kind {kind!r}",
            expected="one of: " + ", ".join(sorted(DRIVERS)),
            remedy="set engine.kind in environment.yaml; docs/engines.md lists the engines",
        )
    return driver(HttpCalls(address))
